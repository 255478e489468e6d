// Whose turn it is among the partitions of a stream, and whose plan is to be followed: a pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_TURNS_HPP
#define HDIKAFKA_DETAIL_STREAM_TURNS_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// How a partition's reader is getting on.
enum class standing : unsigned char
{
    due,      ///< Somebody must follow its plan.
    followed, ///< Somebody does.
    holding,  ///< It has a batch to hand over.
    failed,   ///< It has a failure to tell, or has told one that stays.
    resting,  ///< It goes on at a given time.
    idle,     ///< It goes on when something is written; also at a given time, if there is one.
    in_line,  ///< It goes on when there is room for what it would read.
    finished, ///< It has handed over everything up to its end.
};

/// Not synchronised.
class turns
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr time_point never = time_point::max();

    void add(std::int32_t id) { seats_.try_emplace(id); }

    void stands(std::int32_t id, standing how, time_point until = never)
    {
        seat& one = seats_.at(id);
        one.how = how;
        one.until = until;
    }

    standing standing_of(std::int32_t id) const { return seats_.at(id).how; }

    /// Of the batch that it handed over last something was given back.
    void keeps_rest(std::int32_t id, bool keeps) { seats_.at(id).rest = keeps; }

    /// A paused one hands over nothing, nobody follows its plan, and it has no place in line.
    void pause(std::int32_t id, bool paused)
    {
        seat& one = seats_.at(id);
        one.paused = paused;
        if (one.how == standing::in_line)
            one.how = standing::due;
    }

    /// Its failure has been told, and stays.
    void told(std::int32_t id) { seats_.at(id).told = true; }

    /// Who hands over next, or tells: one whose rest is there, if it was the last; else the next behind the
    /// last one that has something, so that each waits for the others' turns once. `again`: also a failure
    /// that was told already.
    std::optional<std::int32_t> next(bool again = false)
    {
        if (auto const rest = next_rest())
            return rest;
        return next_of(
            [again](seat const& one) { return one.speaks() || (again && one.how == standing::failed); });
    }

    /// The same among those with a rest alone; nobody while another's turn comes before that.
    std::optional<std::int32_t> next_rest() const
    {
        auto const found = seats_.find(last_);
        bool const goes_on = found != seats_.end() && found->second.rest && !found->second.paused;
        return goes_on ? std::optional(last_) : std::nullopt;
    }

    /// Whose plans are to be followed from `now` on; they are, then. `admitted`: for whom in line there is
    /// room.
    std::vector<std::int32_t> to_follow(time_point now, std::optional<std::int32_t> admitted)
    {
        std::vector<std::int32_t> out;
        for (auto& [id, one] : seats_)
            if (!one.paused && (one.goes_on(now) || (one.how == standing::in_line && admitted == id))) {
                out.push_back(id);
                one.how = standing::followed;
            }
        return out;
    }

    /// The same of that one alone.
    bool follow_from_line(std::int32_t id)
    {
        auto const found = seats_.find(id);
        if (found == seats_.end() || found->second.paused || found->second.how != standing::in_line)
            return false;
        found->second.how = standing::followed;
        return true;
    }

    /// Whether something comes without a wait for time or room.
    bool at_work() const
    {
        return any([](seat const& one) {
            return !one.paused && (one.speaks() || one.how == standing::due || one.how == standing::followed);
        });
    }

    /// Whether nothing comes any more, now or later, but of who is paused.
    bool all_over() const
    {
        return !any([](seat const& one) {
            return !one.paused &&
                   (one.speaks() || (one.how != standing::finished && one.how != standing::failed));
        });
    }

    bool all_finished() const
    {
        return !any([](seat const& one) { return one.rest || one.how != standing::finished; });
    }

    bool any_idle() const
    {
        return any([](seat const& one) { return !one.paused && one.how == standing::idle; });
    }

    /// When the next one goes on that waits for a time.
    time_point wake_at() const
    {
        time_point out = never;
        for (auto const& [id, one] : seats_)
            if (!one.paused && one.waits_for_time())
                out = std::min(out, one.until);
        return out;
    }

private:
    class seat
    {
    public:
        bool speaks() const noexcept
        {
            return rest || how == standing::holding || (how == standing::failed && !told);
        }
        bool waits_for_time() const noexcept { return how == standing::resting || how == standing::idle; }
        bool goes_on(time_point now) const noexcept
        {
            return how == standing::due || (waits_for_time() && until <= now);
        }

        standing how = standing::due;
        time_point until = never;
        bool told = false;
        bool rest = false;
        bool paused = false;
    };

    template <class Predicate>
    bool any(Predicate which) const
    {
        return std::ranges::any_of(seats_, [&which](auto const& one) { return which(one.second); });
    }

    template <class Predicate>
    std::optional<std::int32_t> next_of(Predicate which)
    {
        auto at = seats_.upper_bound(last_);
        for (auto left = seats_.size(); left != 0; --left, ++at) {
            if (at == seats_.end())
                at = seats_.begin();
            if (!at->second.paused && which(at->second)) {
                last_ = at->first;
                return last_;
            }
        }
        return std::nullopt;
    }

    std::map<std::int32_t, seat> seats_;
    std::int32_t last_ = -1; ///< Who handed over last.
};

} // namespace hdikafka::inline v0_1::detail

#endif
