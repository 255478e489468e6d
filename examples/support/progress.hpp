// How far a long job is, as one line on a terminal. For export.cpp; POSIX.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_PROGRESS_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_PROGRESS_HPP

#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include <unistd.h>

namespace examples {

/// On stderr, drawn again in its place a few times a second; silent where that is no terminal.
class progress
{
public:
    /// Of a partition's offsets from `earliest` to `latest`.
    progress(std::int64_t earliest, std::int64_t latest) : earliest_(earliest), latest_(latest) {}
    progress(progress const&) = delete;
    progress& operator=(progress const&) = delete;
    ~progress() { finish(); }

    /// This batch is done, `bytes` long.
    void add(hdikafka::record_batch const& batch, std::size_t bytes)
    {
        if (records_ == 0)
            first_ = batch[0].offset();
        next_ = batch.next_offset();
        records_ += batch.size();
        bytes_ += bytes;
        auto const now = clock::now();
        if (terminal_ && now - drawn_ >= std::chrono::milliseconds(200))
            draw(now);
    }

    /// Ends the line. How many records were done.
    std::size_t finish() noexcept
    {
        if (terminal_ && records_ > 0 && !finished_) {
            draw(clock::now());
            static_cast<void>(std::fputc('\n', stderr));
        }
        finished_ = true;
        return records_;
    }

private:
    using clock = std::chrono::steady_clock;

    void draw(clock::time_point now) noexcept
    {
        drawn_ = now;
        double const seconds = std::max(1e-3, std::chrono::duration<double>(now - begin_).count());
        double const megabytes = static_cast<double>(bytes_) / 1e6;
        // What was written meanwhile is read too: never more than all.
        auto const left = static_cast<double>(std::max<std::int64_t>(latest_ - next_, 0));
        auto const there = static_cast<double>(std::max<std::int64_t>(next_ - earliest_, 1));
        auto const mine = static_cast<double>(std::max<std::int64_t>(next_ - first_, 1));
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is fprintf()
        static_cast<void>(std::fprintf(
            stderr, "\r%zu records, %.1f MB, %.1f MB/s, %.0f %%, %.0f s left\033[K", records_, megabytes,
            megabytes / seconds, 100 * there / (there + left), seconds * left / mine));
    }

    bool const terminal_ = isatty(STDERR_FILENO) == 1;
    clock::time_point const begin_ = clock::now();
    clock::time_point drawn_ = begin_;
    std::int64_t const earliest_, latest_;
    std::int64_t first_ = 0, next_ = 0; // where this run began, where it is
    std::size_t records_ = 0, bytes_ = 0;
    bool finished_ = false;
};

} // namespace examples

#endif
