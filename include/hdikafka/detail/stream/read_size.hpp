// How large answers are: how many records to ask for, and how much of the stream's budget that takes.
#ifndef HDIKAFKA_DETAIL_STREAM_READ_SIZE_HPP
#define HDIKAFKA_DETAIL_STREAM_READ_SIZE_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace hdikafka::inline v0_1::detail {

/// What answers a stream's options allow.
class answer_bounds
{
public:
    /// Of a stream that keeps as many answers for each partition.
    answer_bounds(std::size_t budget_bytes, std::size_t body_limit, std::size_t answers) noexcept
        : budget(budget_bytes), body(body_limit)
    {
        aim = static_cast<double>(budget) / 4 / static_cast<double>(std::max<std::size_t>(answers, 1));
        aim = std::clamp<double>(aim, 1, usual);
    }

    /// Large enough to pay for a round trip, small enough for the service's cap and for the memory of a few.
    static constexpr double usual = 2'000'000;

    std::size_t budget;
    std::size_t body;   ///< No answer may have more.
    double aim = usual; ///< About how large answers are to be.
};

/// How large records have been: of a partition, or of all. Not synchronised.
class read_size
{
public:
    /// Bytes a record; 0 while nothing is known.
    double each() const noexcept { return each_; }

    /// What an answer's body brought.
    void seen(std::size_t records, std::size_t bytes)
    {
        if (records == 0)
            return;
        double const now = static_cast<double>(bytes) / static_cast<double>(records);
        each_ = each_ <= 0 ? now : each_ + (now - each_) / 4;
        whole_ = false;
    }

    /// An answer of so many records is larger than `bytes`: nobody knows by how much.
    void exceeded(std::int32_t records, std::size_t bytes)
    {
        each_ = std::max(each_, 2 * static_cast<double>(bytes) / static_cast<double>(records));
        whole_ = whole_ || records == 1;
    }

    /// So many that answers have about the size that is aimed at, whatever the records'. `others`: how large
    /// those of the stream's other partitions are.
    std::int32_t count(std::int32_t most, double others, answer_bounds const& bounds) const noexcept
    {
        double const bytes = known(others);
        if (bytes <= 0)
            return most;
        return static_cast<std::int32_t>(std::clamp<double>(bounds.aim / bytes, 1, most));
    }

    /// The bytes to reserve for an answer of `count` records: twice what they have been, for they differ.
    /// `at_end`: as far as is known, nothing is there. More than the budget only for one record that has
    /// turned out to be large.
    std::size_t reserve(std::int32_t count, bool at_end, double others,
                        answer_bounds const& bounds) const noexcept
    {
        if (whole_ && count == 1)
            return bounds.body;
        std::size_t const most = std::min(bounds.budget, bounds.body);
        double const bytes = known(others);
        if (bytes <= 0)
            return at_end ? std::min(most, first_at_end) : most;
        double const expected = 2 * bytes * count + static_cast<double>(std::min(slack, bounds.budget / 8));
        return expected >= static_cast<double>(most) ? most : static_cast<std::size_t>(expected);
    }

private:
    static constexpr std::size_t slack = 64 * 1024;
    static constexpr std::size_t first_at_end = 1024 * 1024;

    double known(double others) const noexcept { return each_ > 0 ? each_ : others; }

    double each_ = 0;
    bool whole_ = false; ///< One record was larger than what was reserved for it.
};

} // namespace hdikafka::inline v0_1::detail

#endif
