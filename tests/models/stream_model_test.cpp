// Streams over random topics, read by random means from a service that misbehaves at random, without a
// socket: what is handed over is what the log held, in order and once, or the error that is documented.
#include <hdikafka/detail/stream/partition_reader.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hk::detail;

namespace {

using random_engine = std::mt19937_64;

int up_to(random_engine& random, int most) { return std::uniform_int_distribution<int>(0, most)(random); }
bool chance(random_engine& random, int percent) { return up_to(random, 99) < percent; }

enum class next_offset_form : unsigned char
{
    exact,
    asked,
    behind,
    absent
};

/// A partition as the service shows it.
class model_log
{
public:
    explicit model_log(random_engine& random)
        : cap_(100 + up_to(random, 900)),
          form_(static_cast<next_offset_form>(up_to(random, 3))),
          bare_array_(chance(random, 50)),
          empty_in_gaps_(chance(random, 30)),
          gaps_(chance(random, 50) ? up_to(random, 40) : 0),
          oversize_(chance(random, 10))
    {
        latest_ = chance(random, 30) ? up_to(random, 1'000) : 0;
        earliest_ = latest_;
        grow(random, up_to(random, 300));
    }

    void grow(random_engine& random, int records)
    {
        for (int i = 0; i != records; ++i) {
            if (chance(random, gaps_))
                latest_ += 1 + up_to(random, 20);
            int const size = oversize_ && chance(random, 1) ? cap_ + 1 : 1 + up_to(random, cap_ / 10);
            records_[latest_++] = size;
        }
    }

    /// Deletes what is before the offset.
    void trim(std::int64_t before)
    {
        earliest_ = std::clamp(before, earliest_, latest_);
        records_.erase(records_.begin(), records_.lower_bound(earliest_));
    }

    hk::partition_info watermarks() const
    {
        hk::partition_info out;
        out.earliest_offset = earliest_;
        out.latest_offset = latest_;
        return out;
    }

    bool in_range(std::int64_t offset) const { return offset >= earliest_ && offset <= latest_; }

    /// The answer's body and its NextOffset.
    std::pair<std::string, std::optional<std::string>> read(std::int64_t offset, std::int32_t count) const
    {
        std::string list;
        int bytes = 0;
        std::int64_t next = offset;
        auto at = records_.lower_bound(offset);
        bool const hidden = empty_in_gaps_ && at != records_.end() && at->first != offset;
        for (; !hidden && at != records_.end() && count > 0; ++at, --count) {
            bytes += at->second;
            if (bytes > cap_)
                break;
            list += list.empty() ? "" : ",";
            list += "{\"offset\":" + std::to_string(at->first) + ",\"value\":" + std::to_string(at->second) +
                    ",\"timestamp\":" + std::to_string(10 * at->first) + "}";
            next = at->first + 1;
        }
        if (hidden && form_ == next_offset_form::exact)
            next = at->first;
        std::optional<std::string> field;
        if (form_ == next_offset_form::exact)
            field = std::to_string(next);
        else if (form_ == next_offset_form::asked)
            field = std::to_string(offset);
        else if (form_ == next_offset_form::behind)
            field = std::to_string(std::max<std::int64_t>(0, offset - 3));
        return {bare_array_ ? "[" + list + "]" : "{\"records\":[" + list + "]}", field};
    }

    std::map<std::int64_t, int> const& records() const { return records_; }
    std::int64_t latest() const { return latest_; }
    bool hides_gaps() const { return empty_in_gaps_; }
    std::int64_t earliest() const { return earliest_; }
    bool returns(std::int64_t offset) const { return records_.at(offset) <= cap_; }

private:
    int cap_;
    next_offset_form form_;
    bool bare_array_;
    bool empty_in_gaps_;
    int gaps_;
    bool oversize_;
    std::int64_t earliest_ = 0;
    std::int64_t latest_ = 0;
    std::map<std::int64_t, int> records_; ///< Their sizes by offset.
};

/// Carries out what the plans decide, against the model.
class model_run
{
public:
    explicit model_run(std::uint64_t seed)
        : random_(seed),
          log_(random_),
          options_(random_options()),
          ahead_(std::in_place, desk(options_), 0, options_),
          plan_(options_),
          growth_(chance(random_, 50) ? up_to(random_, 10) : 0),
          retention_(chance(random_, 30) ? up_to(random_, 5) : 0),
          faults_(chance(random_, 50) ? up_to(random_, 20) : 0),
          cancellations_(chance(random_, 30) ? up_to(random_, 20) : 0),
          commits_(chance(random_, 50) ? up_to(random_, 100) : 0),
          restarts_(chance(random_, 50) ? up_to(random_, 20) : 0)
    {}

    /// What went wrong, or nothing.
    std::string failure()
    {
        for (int steps = 0; steps != 100'000; ++steps) {
            happen();
            action_ = plan_.resume(std::exchange(event_, plan_event()));
            if (auto const wrong = judge_start(); !wrong.empty())
                return wrong;
            if (auto const wrong = judge_skipped(); !wrong.empty())
                return wrong;
            if (!stop_at_ && options_.until() && start_ && action_.end != no_end)
                stop_at_ = action_.end;
            switch (action_.what) {
            case kind::look: look(); break;
            case kind::probe: probe(); break;
            case kind::read: {
                auto const wrong = read();
                if (!wrong.empty())
                    return wrong;
                break;
            }
            case kind::deliver: {
                auto const wrong = deliver();
                if (!wrong.empty())
                    return wrong;
                break;
            }
            case kind::idle:
            case kind::pause:
                if (++pauses_ > 20)
                    growth_ = 0; // so that there is an end to it
                if (!options_.until() && pauses_ > 23 && plan_.caught_up())
                    return missed(log_.latest());
                break;
            case kind::report: // a user would call next() again
                if (in_range_)
                    return "refused: " + std::to_string(action_.offset);
                break;
            case kind::finish: return judge_end();
            case kind::fail: return judge_failure(*plan_.failure());
            }
        }
        return "it never ends";
    }

    std::size_t delivered() const { return delivered_; }
    std::size_t repeated() const { return repeated_; }

private:
    using kind = plan_action::kind;

    static constexpr int most_records = 1'000;
    static constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();

    hk::consume_options random_options()
    {
        hk::consume_options out;
        out.max_records(1 + up_to(random_, chance(random_, 50) ? 10 : 200));
        out.parallelism(static_cast<std::size_t>(1 + (chance(random_, 60) ? up_to(random_, 15) : 0)));
        out.read_ahead(static_cast<std::size_t>(up_to(random_, 3)));
        int const length = static_cast<int>(log_.latest() - log_.earliest());
        int const from = up_to(random_, 9);
        if (from < 3)
            out.from(log_.earliest() + up_to(random_, length));
        else if (from < 5)
            out.from_end(up_to(random_, length + 10));
        else if (from < 7)
            out.from(std::chrono::sys_time<std::chrono::milliseconds>(
                std::chrono::milliseconds(10 * log_.earliest() + up_to(random_, 10 * length + 20) - 10)));
        if (chance(random_, 30))
            out.on_out_of_range(hk::earliest);
        else if (chance(random_, 30))
            out.on_out_of_range(hk::latest);
        if (chance(random_, 50))
            out.on_unreadable(hk::skip);
        if (chance(random_, 30) && log_.latest() > 0)
            out.until(log_.earliest() + up_to(random_, static_cast<int>(log_.latest() - log_.earliest())));
        else if (chance(random_, 80))
            out.until(hk::latest);
        return out;
    }

    /// What befalls a topic while it is read.
    void happen()
    {
        if (appended_ < most_records && chance(random_, growth_)) {
            int const more = up_to(random_, 20);
            log_.grow(random_, more);
            appended_ += more;
        }
        if (chance(random_, retention_))
            log_.trim(log_.earliest() + up_to(random_, 60));
    }

    void look()
    {
        hk::partition_info const seen = log_.watermarks();
        event_ = {.what = plan_event::kind::watermarks,
                  .earliest = seen.earliest_offset,
                  .latest = seen.latest_offset};
        if (!start_)
            search_end_ = log_.latest();
    }

    void probe()
    {
        range_read what;
        what.offset = action_.offset;
        what.count = action_.count;
        what.end = action_.end;
        learn(answer_to(what));
    }

    /// Tells the plan what an answer says. One that was lost says nothing: a user would call next() again.
    void learn(hk::result<hk::record_batch> const& answer)
    {
        event_ = judge(action_, answer, arrived_);
        in_range_ = log_.in_range(action_.offset);
    }

    /// Whether the stream starts where its options say.
    std::string judge_start()
    {
        if (start_ || !plan_.position())
            return "";
        start_ = plan_.position();
        if (options_.from().which() != hk::offset_spec::anchor::time)
            return "";
        std::int64_t const time = options_.from().time().time_since_epoch().count();
        auto const first = log_.records().lower_bound(*start_);
        if (first != log_.records().end() && 10 * first->first < time && first->first < search_end_ &&
            log_.returns(first->first))
            return log_.hides_gaps() ? "" : "it starts too early";
        return first != log_.records().begin() && 10 * std::prev(first)->first >= time ? "it starts too late"
                                                                                       : "";
    }

    /// Whether what a policy passed over could not be had.
    std::string judge_skipped()
    {
        if (action_.skipped) {
            hk::records_skipped const& range = *action_.skipped;
            if (range.cause == hk::skip_cause::truncated)
                return "nothing was truncated";
            for (auto at = log_.records().lower_bound(range.from);
                 at != log_.records().end() && at->first < range.to; ++at)
                if (range.cause == hk::skip_cause::unreadable && log_.returns(at->first) &&
                    !log_.hides_gaps())
                    return "offset " + std::to_string(at->first) + " could be read";
            if (range.cause == hk::skip_cause::retention && range.from >= log_.earliest())
                return "nothing was deleted";
            expected_ = std::max(expected_, range.to);
        }
        return "";
    }

    std::string read()
    {
        for (;;) {
            auto taken = ahead_->take(action_, "id");
            while (auto due = ahead_->next(true)) {
                if (due->what.count < 1 || due->what.offset < 0)
                    return "a read of " + std::to_string(due->what.count) + " records";
                under_way_.push_back(std::move(*due));
            }
            if (under_way_.size() > options_.parallelism() + 2)
                return "too many reads at a time";
            if (taken) {
                learn(taken->batch);
                return "";
            }
            if (under_way_.empty())
                return "nothing is read, and nothing would come";
            happen();
            if (chance(random_, cancellations_)) {
                ahead_->stop(); // the partition was paused, and goes on
                ahead_->go_on();
                under_way_.clear();
                return "";
            }
            finish_one();
        }
    }

    /// Any of the reads under way ends.
    void finish_one()
    {
        auto const which = static_cast<std::size_t>(up_to(random_, static_cast<int>(under_way_.size()) - 1));
        due_read due = std::move(under_way_[which]);
        range_read const what = due.what;
        under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(which));
        if (chance(random_, faults_))
            return ahead_->forgotten(what.id);
        auto answer = answer_to(what);
        std::size_t const bytes = answer ? answer.value().size() * 20 : 0;
        if (answer && chance(random_, 50))
            ahead_->told(what.id, answer.value().next_offset());
        due.kept.settle(bytes);
        fetched read;
        read.batch = std::move(answer);
        read.kept = std::move(due.kept);
        ahead_->arrived(what, std::move(read));
    }

    hk::result<hk::record_batch> answer_to(range_read const& what)
    {
        if (chance(random_, faults_))
            return hk::error(hk::errc::connection_lost);
        if (!log_.in_range(what.offset)) {
            hk::diagnostics info;
            info.http_status = 400;
            return hk::error(hk::errc::bad_request, info);
        }
        auto const [text, next] = log_.read(what.offset, what.count);
        byte_buffer body;
        body.append(text);
        auto const field = next ? std::optional<std::string_view>(*next) : std::nullopt;
        return parse_batch(std::move(body), field, batch_request(0, what.offset, what.count, what.end));
    }

    std::string deliver()
    {
        hk::record_batch const batch = std::exchange(arrived_, hk::record_batch());
        if (batch.empty())
            return "an empty batch";
        for (auto const& record : batch) {
            if (record.offset() < expected_)
                return "offset " + std::to_string(record.offset()) + " again";
            if (auto const wrong = missed(record.offset()); !wrong.empty())
                return wrong;
            if (stop_at_ && record.offset() >= *stop_at_)
                return "beyond the end";
            expected_ = record.offset() + 1;
            ++delivered_;
        }
        event_ = {.what = plan_event::kind::delivery, .next = batch.next_offset()};
        if (chance(random_, commits_))
            committed_.emplace(batch.next_offset(), batch[batch.size() - 1].offset());
        if (committed_ && restarts_ != 0 && chance(random_, restarts_))
            restart();
        return "";
    }

    /// The program is killed, and another one goes on from the checkpoint.
    void restart()
    {
        --restarts_; // so that there is an end to it
        auto const [next, last] = *committed_;
        event_ = plan_event();
        auto const again = hk::consume_options(options_).from(next);
        plan_ = partition_plan(again);
        plan_.expect(last, 10 * last);
        ahead_.emplace(desk(again), 0, again);
        under_way_.clear();
        for (auto at = log_.records().lower_bound(next); at != log_.records().end() && at->first < expected_;
             ++at)
            ++repeated_;
        start_ = next;
        expected_ = next;
        stop_at_.reset();
    }

    /// Whether a record that still exists was passed over.
    std::string missed(std::int64_t before) const
    {
        auto const first = log_.records().lower_bound(std::max(expected_, start_.value_or(0)));
        if (first != log_.records().end() && first->first < before)
            return "offset " + std::to_string(first->first) + " was passed over";
        return "";
    }

    static desk_ptr desk(hk::consume_options const& options)
    {
        return std::make_shared<stream_desk<>>(options, hk::http_limits().body());
    }

    std::string judge_end() const { return missed(action_.end == no_end ? 0 : action_.end); }

    std::string judge_failure(hk::error const& failure) const
    {
        std::int64_t const position = plan_.position().value_or(0);
        if (failure.code() == hk::errc::offset_below_earliest)
            return position < log_.earliest() ? "" : "nothing was lost";
        if (failure.code() == hk::errc::unreadable_record) {
            auto const first = log_.records().lower_bound(position);
            bool const hidden = first == log_.records().end() || !log_.returns(first->first);
            return hidden || first->first != position ? "" : "the record can be read";
        }
        return "an error: " + std::string(failure.what());
    }

    random_engine random_;
    model_log log_;
    hk::consume_options options_;
    std::optional<reads_ahead<>> ahead_;
    partition_plan plan_;
    plan_action action_;
    plan_event event_;
    bool in_range_ = true; ///< What was read last.
    int appended_ = 0;
    int growth_; ///< As the following, in percent of the steps.
    int retention_;
    int faults_;
    int cancellations_;
    int commits_;
    int restarts_;
    hk::record_batch arrived_;
    std::vector<due_read> under_way_;
    std::optional<std::int64_t> start_;
    std::int64_t search_end_ =
        0; ///< Records from here on were not there when a point in time was looked for.
    std::int64_t expected_ = 0;
    std::optional<std::int64_t> stop_at_;
    std::optional<std::pair<std::int64_t, std::int64_t>> committed_; ///< Where to go on; the last record.
    std::size_t delivered_ = 0;
    std::size_t repeated_ = 0;
    int pauses_ = 0;
};

/// From the environment, for long runs by hand.
std::uint64_t number(char const* name, std::uint64_t usual)
{
    char const* const text = std::getenv(name);
    return text ? std::stoull(text) : usual;
}

} // namespace

TEST_CASE("whatever the topic, the options and the service: each record once and in order, or its error")
{
    std::uint64_t const first = number("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = number("HDIKAFKA_CASES", 10'000);
    MESSAGE("seeds " << first << " to " << first + cases - 1);
    std::size_t delivered = 0;
    std::size_t repeated = 0;
    for (std::uint64_t seed = first; seed != first + cases; ++seed) {
        model_run run(seed);
        std::string const wrong = run.failure();
        delivered += run.delivered();
        repeated += run.repeated();
        if (!wrong.empty())
            FAIL_CHECK("seed " << seed << ": " << wrong);
    }
    MESSAGE(delivered << " records, " << repeated << " of them again after a restart from the checkpoint");
    CHECK(delivered > cases);
    CHECK(repeated > cases / 10);
}
