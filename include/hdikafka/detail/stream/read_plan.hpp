// Which reads of a partition to have under way, so that the answer a stream needs next is there already.
//
// Every read here is one that the stream would make itself later: from an offset that it may come to, up to
// where the next read begins. Whether its guess was right shows only when the stream gets there: an answer
// that fell short leaves a hole, which is read next; of one that reaches too far the stream takes the rest.
#ifndef HDIKAFKA_DETAIL_STREAM_READ_PLAN_HPP
#define HDIKAFKA_DETAIL_STREAM_READ_PLAN_HPP

#include <hdikafka/detail/stream/plan_turn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// One read that is to be made.
class range_read
{
public:
    std::uint64_t id = 0;
    std::int64_t offset = 0;
    std::int32_t count = 0;
    std::int64_t end = 0; ///< None are wanted from here on.
};

/// `Answer` is what a read brings, also a failure. Not synchronised.
template <class Answer>
class read_plan
{
public:
    /// How many reads may be under way, and how many there may be together with the answers in store. One
    /// that the stream waits for comes on top.
    read_plan(std::size_t connections, std::size_t stored) : connections_(connections), stored_(stored) {}

    /// The next read to make, which is under way then. `wanted`: where the stream is, and how far there is
    /// sense in reading ahead of it. `demanded`: it waits for what is at its position, records or none.
    std::optional<range_read> next(plan_action const& wanted, bool demanded)
    {
        return next(wanted, demanded, [](range_read const&, bool) { return true; });
    }

    /// The same, unless `admit(read, needed)` says no; `needed`: it is waited for.
    template <class Admit>
    std::optional<range_read> next(plan_action const& wanted, bool demanded, Admit admit)
    {
        std::int64_t cursor = wanted.offset;
        auto place = ranges_.begin();
        for (; place != ranges_.end() && place->first <= cursor; ++place) {
            if (place->what == state::standstill)
                return std::nullopt; // how to go on from there is the stream's to find out
            cursor = std::max(cursor, place->guessed_end);
        }
        bool const needed = demanded && cursor == wanted.offset;
        bool const room = under_way_ < connections_ && ranges_.size() < stored_;
        bool const sensible = room && cursor < std::min(wanted.known_end, wanted.end);
        if (!needed && !sensible)
            return std::nullopt;

        std::int64_t count = wanted.count;
        if (place != ranges_.end())
            count = std::min(count, place->first - cursor);
        if (cursor < wanted.end)
            count = std::min(count, wanted.end - cursor);
        range_read out;
        out.id = last_id_ + 1;
        out.offset = cursor;
        out.count = static_cast<std::int32_t>(count);
        out.end = wanted.end;
        if (!admit(std::as_const(out), needed))
            return std::nullopt;
        ++last_id_;
        range made;
        made.id = out.id;
        made.first = cursor;
        made.guessed_end = cursor + std::min(count, std::numeric_limits<std::int64_t>::max() - cursor);
        ranges_.insert(place, std::move(made));
        ++under_way_;
        return out;
    }

    /// A read says where the next one goes on, before its answer is here.
    void told(std::uint64_t id, std::int64_t next)
    {
        if (range* const about = find(id); about && next > about->first)
            about->guessed_end = next;
    }

    /// `next`: where the answer says to go on; where it began for a failure.
    void arrived(std::uint64_t id, std::int64_t next, Answer answer)
    {
        range* const about = find(id);
        if (!about)
            return;
        --under_way_;
        about->what = next > about->first ? state::here : state::standstill;
        about->guessed_end = next;
        about->answer = std::move(answer);
    }

    /// The read was given up.
    void forgotten(std::uint64_t id)
    {
        under_way_ -= std::erase_if(
            ranges_, [id](range const& one) { return one.id == id && one.what == state::under_way; });
    }

    /// All reads that are under way are given up.
    void forget_all()
    {
        std::erase_if(ranges_, [](range const& one) { return one.what == state::under_way; });
        under_way_ = 0;
    }

    /// The same, and what has arrived is dropped.
    void clear()
    {
        ranges_.clear();
        under_way_ = 0;
    }

    /// The answer for a stream at `position`, when it is here. It may begin before that, and then reaches
    /// beyond it. What lies behind the stream is dropped.
    std::optional<Answer> take(std::int64_t position)
    {
        std::optional<Answer> out;
        // The last one that begins at the position or before: the nearest to what is needed.
        auto at = ranges_.begin();
        while (at != ranges_.end() && at->first <= position) {
            bool const last = std::next(at) == ranges_.end() || std::next(at)->first > position;
            bool const serves = at->first == position || at->guessed_end > position;
            if (at->what == state::under_way) {
                ++at;
                continue;
            }
            if (last && serves)
                out = std::move(at->answer);
            at = ranges_.erase(at);
        }
        return out;
    }

private:
    enum class state : unsigned char
    {
        under_way,
        here,
        standstill, ///< A failure, or an answer that does not lead on.
    };

    class range
    {
    public:
        std::uint64_t id = 0;
        std::int64_t first = 0;
        std::int64_t guessed_end = 0; ///< Where the next one goes on, as far as is known.
        state what = state::under_way;
        Answer answer;
    };

    range* find(std::uint64_t id)
    {
        auto const found = std::ranges::find(ranges_, id, &range::id);
        return found == ranges_.end() || found->what != state::under_way ? nullptr : &*found;
    }

    std::size_t connections_;
    std::size_t stored_;
    std::deque<range> ranges_; ///< By their first offset.
    std::size_t under_way_ = 0;
    std::uint64_t last_id_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
