// What is wrong with a place where a read gives nothing although there should be records. A pure decision.
//
// Neither silence nor a refusal proves anything: a busy service may give nothing for a while, anywhere. So
// the place is read again and again, and it is looked whether what lies behind it can be read. Only what was
// the same before and after a time that no hiccup lasts is believed.
#ifndef HDIKAFKA_DETAIL_STREAM_PLACE_TRIAL_HPP
#define HDIKAFKA_DETAIL_STREAM_PLACE_TRIAL_HPP

#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/silence_search.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Why a place gives nothing.
enum class trouble : unsigned char
{
    silent,     ///< The answer has no records.
    refused,    ///< The service says so.
    unreadable, ///< The answer cannot be read,
    too_large,  ///< or would be too large, with one record.
};

/// Of a refusal.
inline trouble trouble_of(plan_event::refusal_cause why) noexcept
{
    switch (why) {
    case plan_event::refusal_cause::too_large: return trouble::too_large;
    case plan_event::refusal_cause::unreadable: return trouble::unreadable;
    case plan_event::refusal_cause::service: break;
    }
    return trouble::refused;
}

/// Of a failure: what cannot be read begins at `from`, and reading works again at `to`. `words`: those of the
/// refusal.
inline std::string words_about(trouble what, std::int64_t from, std::int64_t to, std::string const& words)
{
    std::string const place =
        "offset " + std::to_string(from) + (to - from > 1 ? " up to " + std::to_string(to) : "");
    switch (what) {
    case trouble::silent:
        return "the service returns nothing from " + place +
               ": a record there may be larger than it can return";
    case trouble::refused:
        return "the service refuses " + place + ", though what follows can be read: " + words;
    case trouble::unreadable: return "what the service returns at " + place + " cannot be read: " + words;
    case trouble::too_large: break;
    }
    return "the record at " + place + " is larger than an answer may be: " + words;
}

class place_trial
{
public:
    enum class step : unsigned char
    {
        again,      ///< Read one record at the place,
        wait,       ///< or wait before that;
        search,     ///< or look behind it, as search() says.
        unreadable, ///< What is there cannot be read, up to end().
        silent_end, ///< There is nothing, up to end().
    };

    /// `thorough`: exactly what cannot be read is to be passed over.
    place_trial(milliseconds long_enough, bool thorough) : long_enough_(long_enough), thorough_(thorough) {}

    /// The place has given nothing, and still lies in the partition, which ends at `latest`.
    step met(trouble what, std::int64_t place, std::int64_t latest)
    {
        bool const another = met_ != 0 && is_lasting(what) != is_lasting(what_);
        if (another)
            *this = place_trial(long_enough_, thorough_);
        what_ = what;
        ++met_;
        if (another)
            return step::wait;
        if (is_lasting(what))
            return met_lasting(place, latest);
        if (what == trouble::refused && last_ && !last_->found())
            forget_searches(); // this is not the silence of an end
        if (!last_)
            return before_the_first_search(place, latest);
        if (!std::exchange(fresh_, false))
            return waited_ < long_enough_ ? step::wait : begin_search(place, latest);
        if (!before_ || !agree())
            return step::wait;
        return last_->found() ? step::unreadable : step::silent_end;
    }

    /// So long at least, before the place is read again.
    void waited(milliseconds time) noexcept
    {
        if (last_)
            waited_ = time < long_enough_ - waited_ ? waited_ + time : long_enough_;
    }

    std::optional<silence_search> const& search() const noexcept { return search_; }

    /// What came of the search's read. Where something else is wrong than at the place, the place's own
    /// trouble has an end.
    void searched(std::optional<std::int64_t> first, std::optional<trouble> refusal)
    {
        bool works = first >= search_->offset();
        if (what_ == trouble::silent)
            works = works || refusal;
        else if (is_lasting(what_))
            works = !refusal || (refusal == trouble::refused && search_->found());
        search_->answered(works);
        if (search_->done())
            end_search();
    }

    /// Whether the place is refused and nothing behind it can be read either: not one record's trouble.
    bool is_hopeless(trouble what) const noexcept
    {
        bool const same = is_lasting(what) == is_lasting(what_);
        return fresh_ && what != trouble::silent && what_ != trouble::silent && same && !last_->found();
    }

    trouble what() const noexcept { return what_; }

    /// Where the trouble ends.
    std::int64_t end() const noexcept
    {
        if (last_->found())
            return nearest_;
        return before_ ? std::min(last_->limit(), before_->limit()) : last_->limit();
    }

private:
    /// Whether the records themselves are what is wrong: that does not pass.
    static bool is_lasting(trouble what) noexcept
    {
        return what == trouble::unreadable || what == trouble::too_large;
    }

    step met_lasting(std::int64_t place, std::int64_t latest)
    {
        if (met_ == 1)
            return step::again;
        return std::exchange(fresh_, false) && last_->found() ? step::unreadable
                                                              : begin_search(place, latest);
    }

    step before_the_first_search(std::int64_t place, std::int64_t latest)
    {
        constexpr int patience = 3;
        if (what_ == trouble::silent)
            return met_ < patience ? step::wait : begin_search(place, latest);
        return met_ == 1 ? step::again : begin_search(place, latest);
    }

    step begin_search(std::int64_t place, std::int64_t latest)
    {
        // The service may be out of order altogether: then each read is dear.
        constexpr int few_failures = 8;
        constexpr int few_answers = 13;
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
        bool const lasting = is_lasting(what_);
        if (what_ == trouble::silent)
            search_.emplace(place, latest, thorough_);
        else // Behind the last record there is none that could be wrong.
            search_.emplace(place, latest < most && lasting ? latest + 1 : latest, thorough_,
                            lasting ? few_answers : few_failures);
        if (!search_->done())
            return step::search;
        end_search();
        return step::again;
    }

    void forget_searches()
    {
        last_.reset();
        before_.reset();
        waited_ = milliseconds(0);
        fresh_ = false;
    }

    void end_search()
    {
        fresh_ = true;
        before_ = last_;
        last_ = std::exchange(search_, std::nullopt);
        nearest_ = std::min(nearest_, last_->found().value_or(nearest_));
        if (!before_ || last_->found().has_value() == before_->found().has_value())
            return;
        before_.reset(); // what is new may last no longer than a hiccup: the time begins anew
        waited_ = milliseconds(0);
    }

    /// Whether both searches tell the same. A hasty one that found nothing tells nothing.
    bool agree() const noexcept
    {
        if (!last_->found() && !before_->found())
            return !last_->is_hasty() && !before_->is_hasty();
        return thorough_ ? last_->found() == before_->found() : last_->found() && before_->found();
    }

    milliseconds long_enough_;
    bool thorough_;
    trouble what_ = trouble::silent;
    int met_ = 0;                          ///< How often, up to the first search.
    milliseconds waited_{0};               ///< Since the first search ended.
    std::optional<silence_search> search_; ///< Under way.
    std::optional<silence_search> last_;   ///< The last one that was done,
    std::optional<silence_search> before_; ///< and the one before it.
    std::int64_t nearest_ =
        std::numeric_limits<std::int64_t>::max(); ///< Where one of them has found something.
    bool fresh_ = false;                          ///< The place has not been read since the last one.
};

} // namespace hdikafka::inline v0_1::detail

#endif
