// How large a service lets requests be, which it tells by refusing one (413): a pure decision.
#ifndef HDIKAFKA_DETAIL_PRODUCER_BODY_LIMIT_HPP
#define HDIKAFKA_DETAIL_PRODUCER_BODY_LIMIT_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <cstddef>

namespace hdikafka::inline v0_1::detail {

/// Goes down by halves, never below what was taken, and up again when nothing was refused for long: a refusal
/// may have been about one record, or one topic.
class body_limit
{
public:
    /// Below it a refusal is taken for one of the records, not of the batch.
    static constexpr std::size_t least = 1'000;

    explicit body_limit(std::size_t most) noexcept : most_(most), value_(most) {}

    /// Of bodies to come.
    std::size_t value() const noexcept { return value_; }

    /// A body of `size` bytes was too large, and goes in halves of about `half`.
    void refused(std::size_t size, std::size_t half) noexcept
    {
        if (size <= taken_)
            taken_ = 0; // not what it was any more
        value_ = std::min(value_, std::max({half, taken_, least}));
        in_a_row_ = 0;
    }

    /// A body of that size was not.
    void taken(std::size_t size) noexcept
    {
        taken_ = std::max(taken_, size);
        if (value_ == most_ || size < value_ / 2)
            return;
        constexpr int many = 100;
        if (++in_a_row_ < many)
            return;
        in_a_row_ = 0;
        value_ = std::min(most_, 2 * value_);
    }

private:
    std::size_t most_;
    std::size_t value_;
    std::size_t taken_ = 0; ///< The largest.
    int in_a_row_ = 0;      ///< About as large as allowed, without a refusal.
};

} // namespace hdikafka::inline v0_1::detail

#endif
