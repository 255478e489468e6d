// Where reading works again behind a place that gives nothing. Pure decisions.
#ifndef HDIKAFKA_DETAIL_STREAM_SILENCE_SEARCH_HPP
#define HDIKAFKA_DETAIL_STREAM_SILENCE_SEARCH_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Reads single records at growing distances, and where there are none the places nearby one by one, and
/// those before the limit: nothing that is near is overlooked, and a wide gap does not take for ever. What is
/// to be skipped must be known better (`thorough`): the places nearby are looked at in any case, and of what
/// is further away the end of the trouble is narrowed down.
class silence_search
{
public:
    /// `limit`: up to where to look. `few`: how many reads, far apart, are enough to find nothing, where each
    /// of them is dear; 0: all that it takes.
    silence_search(std::int64_t place, std::int64_t limit, bool thorough, int few = 0)
        : place_(place), limit_(limit), thorough_(thorough), few_(few)
    {
        go_on();
    }

    bool done() const noexcept { return done_; }

    /// Where to read a record.
    std::int64_t offset() const noexcept { return offset_; }

    /// When done(): where reading works again, if it does so before the limit.
    std::optional<std::int64_t> found() const noexcept { return found_; }

    std::int64_t limit() const noexcept { return limit_; }

    /// Whether a few reads were enough.
    bool is_hasty() const noexcept { return few_ != 0; }

    void answered(bool works)
    {
        ++reads_;
        if (works)
            found_ = offset_;
        else
            bad_.push_back(offset_);
        go_on();
    }

private:
    static constexpr std::int64_t nearby = 64;

    void go_on()
    {
        done_ = !((!found_ && leap()) || (wants_all_nearby() && step()) || (thorough_ && halve()));
    }

    bool wants_all_nearby() const noexcept { return found_ ? thorough_ : !is_hasty(); }

    /// To some power of two away, or to the last place there is.
    bool leap()
    {
        // The first few of a hasty search are to find something at any distance.
        constexpr std::array<int, 13> hasty{0, 3, 6, 9, 12, 1, 2, 4, 5, 7, 8, 10, 11};
        std::int64_t const most = limit_ - 1 - place_;
        std::size_t const leaps = is_hasty() ? hasty.size() : 63;
        while (leaps_ != leaps && !(is_hasty() && reads_ == few_)) {
            std::int64_t const distance = std::int64_t{1}
                                          << (is_hasty() ? hasty[leaps_] : static_cast<int>(leaps_));
            ++leaps_;
            offset_ = place_ + std::min(distance, most);
            if (most > 0 && !is_bad(offset_))
                return true;
        }
        return false;
    }

    /// The next place nearby that has not been looked at; or near the limit, where there may be an end.
    bool step()
    {
        std::int64_t const end = std::min(nearby, found_.value_or(limit_) - 1 - place_);
        for (std::int64_t i = 1; i <= end; ++i)
            if (wants(place_ + i))
                return true;
        for (std::int64_t i = 1; i <= end && !found_; ++i)
            if (wants(limit_ - i))
                return true;
        return false;
    }

    bool wants(std::int64_t offset)
    {
        offset_ = offset;
        return !is_bad(offset);
    }

    bool halve()
    {
        if (!found_)
            return false;
        std::int64_t low = place_;
        for (std::int64_t const bad : bad_)
            if (bad < *found_)
                low = std::max(low, bad);
        offset_ = low + (*found_ - low) / 2;
        return offset_ != low;
    }

    bool is_bad(std::int64_t offset) const { return std::ranges::find(bad_, offset) != bad_.end(); }

    std::int64_t place_;
    std::int64_t limit_;
    bool thorough_;
    int few_;
    bool done_ = false;
    std::int64_t offset_ = 0;
    std::size_t leaps_ = 0;
    int reads_ = 0;
    std::vector<std::int64_t> bad_;     ///< Where it does not work.
    std::optional<std::int64_t> found_; ///< The nearest where it does.
};

} // namespace hdikafka::inline v0_1::detail

#endif
