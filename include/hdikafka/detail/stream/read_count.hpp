// How many records to ask for, where an answer may be too large or one of them refused. A pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_READ_COUNT_HPP
#define HDIKAFKA_DETAIL_STREAM_READ_COUNT_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <cstdint>

namespace hdikafka::inline v0_1::detail {

class read_count
{
public:
    explicit read_count(std::int32_t most) : most_(most), count_(most) {}

    std::int32_t count() const noexcept { return count_; }

    /// The answer to a read of `asked` records (0: as many as were due) is too large. False when it was one.
    bool halve(std::int32_t asked) noexcept
    {
        std::int32_t const read = asked > 0 ? std::min(asked, count_) : count_;
        count_ = std::max(read / 2, 1);
        reads_to_growth_ = 8; // the next records are likely to be as large
        return read > 1;
    }

    /// One of the records is in trouble; those before it are not.
    void one() noexcept
    {
        count_ = 1;
        reads_to_growth_ = 1;
    }

    /// A read brought records.
    void worked() noexcept
    {
        if (--reads_to_growth_ > 0)
            return;
        count_ = count_ <= most_ / 2 ? count_ * 2 : most_;
        reads_to_growth_ = 1;
    }

private:
    std::int32_t most_;
    std::int32_t count_;
    std::int32_t reads_to_growth_ = 1;
};

} // namespace hdikafka::inline v0_1::detail

#endif
