// How far a long job is, as one line on a terminal. For export.cpp and bulk_load.cpp; POSIX.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_PROGRESS_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_PROGRESS_HPP

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
    /// From one place to another, in whatever counts them: a partition's offsets, a file's bytes. An earlier
    /// run may have done a part of it.
    progress(std::int64_t begin, std::int64_t end) : whole_begin_(begin), whole_end_(end) {}
    progress(progress const&) = delete;
    progress& operator=(progress const&) = delete;
    ~progress() { finish(); }

    /// So many more records and bytes are done, which lie between these places.
    void add(std::size_t records, std::int64_t bytes, std::int64_t begin, std::int64_t end)
    {
        if (records_ == 0)
            mine_begin_ = begin;
        at_ = end;
        records_ += records;
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
        double const seconds = std::max(1e-3, std::chrono::duration<double>(now - started_).count());
        double const megabytes = static_cast<double>(bytes_) / 1e6;
        // What came meanwhile is done too: never more than all.
        auto const left = static_cast<double>(std::max<std::int64_t>(whole_end_ - at_, 0));
        auto const there = static_cast<double>(std::max<std::int64_t>(at_ - whole_begin_, 1));
        auto const mine = static_cast<double>(std::max<std::int64_t>(at_ - mine_begin_, 1));
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is fprintf()
        static_cast<void>(std::fprintf(
            stderr, "\r%zu records, %.1f MB, %.1f MB/s, %.0f %%, %.0f s left\033[K", records_, megabytes,
            megabytes / seconds, 100 * there / (there + left), seconds * left / mine));
    }

    bool const terminal_ = isatty(STDERR_FILENO) == 1;
    clock::time_point const started_ = clock::now();
    clock::time_point drawn_ = started_;
    std::int64_t const whole_begin_, whole_end_;
    std::int64_t mine_begin_ = 0, at_ = 0; // where this run began, where it is
    std::size_t records_ = 0;
    std::int64_t bytes_ = 0;
    bool finished_ = false;
};

} // namespace examples

#endif
