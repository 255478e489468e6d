// The first record that is not older than a point in time, found by reading single records: a pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_TIME_SEARCH_HPP
#define HDIKAFKA_DETAIL_STREAM_TIME_SEARCH_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Cuts the range at several offsets at a time until it is empty, also where offsets have gaps: with `k` of
/// them n offsets take log(n) to the base k + 1 rounds. It ends whatever the answers say; where timestamps do
/// not rise it ends at some place between an older record and one that is not.
class time_search
{
public:
    /// `time` in milliseconds since 1970. The record is in [first, end), or there is none and the end is what
    /// is looked for. `at_a_time` offsets are looked at in each round, at least one.
    time_search(std::int64_t time, std::int64_t first, std::int64_t end, std::size_t at_a_time)
        : time_(time), low_(first), high_(end), at_a_time_(std::max<std::size_t>(at_a_time, 1))
    {
        begin_round();
    }

    bool done() const noexcept { return low_ >= high_; }

    /// Where to start, when done().
    std::int64_t start() const noexcept { return low_; }

    /// Where to read a record each: what this round still has to know.
    std::vector<std::int64_t> offsets() const
    {
        std::vector<std::int64_t> out;
        for (cut const& one : cuts_)
            if (one.what == finding::unknown)
                out.push_back(one.asked);
        return out;
    }

    /// The first record at `asked` or behind it, and its time if it has one. In any order; what was not asked
    /// for is ignored.
    void answered(std::int64_t asked, std::optional<std::int64_t> first, std::optional<std::int64_t> time)
    {
        for (cut& one : cuts_)
            if (one.what == finding::unknown && one.asked == asked)
                one.what = judge(one, first, time);
        auto const is_open = [](cut const& one) { return one.what == finding::unknown; };
        if (std::ranges::none_of(cuts_, is_open) && !done())
            end_round();
    }

private:
    enum class finding : unsigned char
    {
        unknown,
        silence,
        older,
        not_older,
    };

    class cut
    {
    public:
        std::int64_t at = 0;    ///< Where the range is cut.
        std::int64_t asked = 0; ///< There, or further on where nothing was returned.
        std::int64_t next = 0;  ///< Behind the record found.
        finding what = finding::unknown;
    };

    finding judge(cut& one, std::optional<std::int64_t> first,
                  std::optional<std::int64_t> time) const noexcept
    {
        if (!first)
            return finding::silence;
        if (*first < one.asked || *first >= high_ || (time && *time >= time_))
            return finding::not_older;
        one.next = *first + 1;
        return finding::older;
    }

    void begin_round()
    {
        cuts_.clear();
        further_ = 0;
        std::int64_t const length = high_ - low_;
        std::int64_t const pieces = std::min(static_cast<std::int64_t>(at_a_time_), length) + 1;
        for (std::int64_t i = 1; i < pieces; ++i) {
            cut& one = cuts_.emplace_back();
            one.at = one.asked = low_ + length / pieces * i + length % pieces * i / pieces;
        }
    }

    /// The first cut in offset order that is not older bounds the range, the older ones before it do so from
    /// the other side. Silence says nothing as long as another cut says something.
    void end_round()
    {
        bool found = false;
        for (cut const& one : cuts_) {
            found = found || one.what != finding::silence;
            if (one.what == finding::older)
                low_ = std::max(low_, one.next);
            if (one.what == finding::not_older) {
                high_ = one.at;
                break;
            }
        }
        if (!found && look_further())
            return;
        if (!found)
            high_ = cuts_.front().at;
        low_ = std::min(low_, high_);
        begin_round();
    }

    /// A service may be silent at a record that is too large for it, or within a gap. False when everything
    /// up to the next cut has been tried.
    bool look_further()
    {
        further_ = further_ == 0 ? 1 : 2 * further_;
        bool any = false;
        for (std::size_t i = 0; i != cuts_.size(); ++i) {
            std::int64_t const end = i + 1 == cuts_.size() ? high_ : cuts_[i + 1].at;
            if (further_ >= end - cuts_[i].at)
                continue;
            cuts_[i].asked = cuts_[i].at + further_;
            cuts_[i].what = finding::unknown;
            any = true;
        }
        return any;
    }

    std::int64_t time_;
    std::int64_t low_;
    std::int64_t high_;
    std::size_t at_a_time_;
    std::vector<cut> cuts_; ///< Of this round, by offset.
    std::int64_t further_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
