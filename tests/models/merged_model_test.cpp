// Streams over several partitions that share one budget of bytes, each read from a service that misbehaves at
// random, while they are paused, resumed and joined by others: without a socket. Each record comes once and
// in order, nobody waits for longer than the others' turns, and what is held stays within the budget.
#include "support/stream/model_part.hpp"
#include "support/stream/model_service.hpp"

#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_outcome.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>
#include <hdikafka/detail/stream/turns.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace test;
using namespace hk::detail;
using hk::milliseconds;

namespace {

constexpr std::size_t largest_body = 50'000;

class model_run
{
public:
    explicit model_run(std::uint64_t seed) : random_(seed), options_(options())
    {
        desk_ = std::make_shared<stream_desk<>>(options_, largest_body);
        for (int left = up_to(random_, 5); left >= 0; --left)
            add();
    }

    /// What went wrong, or nothing.
    std::string failure()
    {
        for (int steps = 0; steps != 200'000 && wrong_.empty(); ++steps) {
            if (steps < 2'000)
                disturb();
            else if (steps == 2'000)
                calm_down();
            next();
            if (wrong_.empty() && desk_->used() > most_bytes())
                wrong_ = std::to_string(desk_->used()) + " bytes are held";
            if (steps > 2'000 && wrong_.empty() && is_at_rest())
                return judge_end();
        }
        return wrong_.empty() ? "it never ends" : wrong_;
    }

    std::size_t delivered() const { return delivered_; }

private:
    using kind = plan_action::kind;

    hk::consume_options options()
    {
        hk::consume_options out;
        out.max_records(1 + up_to(random_, 100));
        out.parallelism(static_cast<std::size_t>(1 + up_to(random_, 3)));
        out.read_ahead(static_cast<std::size_t>(up_to(random_, 3)));
        out.buffer_bytes(
            static_cast<std::size_t>(1 + up_to(random_, chance(random_, 50) ? 20'000 : 500'000)));
        out.unreadable_after(milliseconds(500 + up_to(random_, 5'000)));
        out.poll(milliseconds(1 + up_to(random_, 50)), milliseconds(300));
        out.on_out_of_range(hk::earliest);
        if (chance(random_, 70))
            out.on_unreadable(hk::skip);
        return out;
    }

    void add()
    {
        auto const id = static_cast<std::int32_t>(parts_.size());
        parts_.push_back(std::make_unique<part>(random_, desk_, id, options_));
        turns_.add(id);
    }

    /// One answer may go beyond the budget; where it is a paused partition's, another one may after it.
    std::size_t most_bytes() const
    {
        auto const paused = std::ranges::count_if(parts_, [](auto const& one) {
            return one->paused && !(one->arrived.empty() && one->rest.empty());
        });
        return options_.buffer_bytes() + largest_body * static_cast<std::size_t>(1 + paused);
    }

    // What happens meanwhile.

    void disturb()
    {
        for (auto const& one : parts_)
            one->service.happen(options_.unreadable_after());
        part& any = *parts_[static_cast<std::size_t>(up_to(random_, static_cast<int>(parts_.size()) - 1))];
        if (chance(random_, 3))
            pause(any, !any.paused);
        if (parts_.size() < 9 && chance(random_, 1))
            add();
    }

    void calm_down()
    {
        for (auto const& one : parts_) {
            one->service.calm_down();
            if (one->paused)
                pause(*one, false);
        }
    }

    void pause(part& one, bool paused)
    {
        one.paused = paused;
        one.was_paused = true;
        turns_.pause(one.id, paused);
        if (!paused)
            return;
        one.ahead.stop();
        one.under_way.clear();
        if (turns_.standing_of(one.id) == standing::followed)
            turns_.stands(one.id, standing::due); // its follower was given up
        one.waits = false;
        desk_->leave_line(one.id);
    }

    // What a next() does.

    void next()
    {
        for (std::int32_t const id : turns_.to_follow(now_, desk_->next_in_line()))
            follow(*parts_[static_cast<std::size_t>(id)]);
        begin_what_has_room();
        while (chance(random_, 60) && finish_one())
            continue; // others are quick
        auto whose = turns_.next();
        if (!whose && !turns_.at_work() && desk_->favour())
            return;
        if (whose) {
            take_turn(*parts_[static_cast<std::size_t>(*whose)]);
            begin_what_has_room();
        } else if (!finish_one()) {
            let_time_pass();
        }
    }

    void begin_what_has_room()
    {
        for (auto admitted = desk_->next_in_line(); admitted && turns_.follow_from_line(*admitted);
             admitted = desk_->next_in_line())
            follow(*parts_[static_cast<std::size_t>(*admitted)]);
    }

    void take_turn(part& one)
    {
        if (!one.rest.empty()) {
            turns_.keeps_rest(one.id, false);
            auto const kept = std::exchange(one.rest_kept, allowance<>());
            return hand_over(one, std::exchange(one.rest, hk::record_batch()));
        }
        if (one.over)
            return turns_.told(one.id);
        turns_.stands(one.id, standing::due);
        if (one.arrived.empty())
            return let_time_pass(); // a failure was told
        for (auto const& other : parts_) {
            bool const has = turns_.standing_of(other->id) == standing::holding && !other->paused;
            other->passed = has && other.get() != &one ? other->passed + 1 : 0;
            if (other->passed > parts_.size())
                wrong_ = "partition " + std::to_string(other->id) + " waits for too long";
        }
        one.event = {.what = plan_event::kind::delivery, .next = one.arrived.next_offset()};
        auto batch = std::exchange(one.arrived, hk::record_batch());
        auto kept = std::exchange(one.kept, allowance<>());
        if (chance(random_, 20) && batch.size() > 1) {
            one.rest = batch.without_first(1);
            one.rest_kept = std::move(kept);
            turns_.keeps_rest(one.id, true);
            return check(one, batch[0].offset());
        }
        hand_over(one, batch);
    }

    void hand_over(part& one, hk::record_batch const& batch)
    {
        for (auto const& record : batch)
            check(one, record.offset());
        one.expected = std::max(one.expected, one.expected_behind_rest);
    }

    void check(part& one, std::int64_t offset)
    {
        auto const first = one.service.log.first_from(one.expected);
        if (one.paused)
            wrong_ = "a paused partition hands over";
        else if (offset < one.expected)
            wrong_ = "offset " + std::to_string(offset) + " again";
        else if (first != one.service.log.records().end() && first->first < offset)
            wrong_ = "offset " + std::to_string(first->first) + " was passed over";
        one.expected = offset + 1;
        one.reports = 0;
        ++delivered_;
    }

    // What a follower does.

    void follow(part& one)
    {
        one.ahead.go_on();
        while (!one.waits && turns_.standing_of(one.id) == standing::followed && wrong_.empty()) {
            one.action = one.plan.resume(std::exchange(one.event, plan_event()));
            pass_over(one);
            act(one);
        }
        standing const how = turns_.standing_of(one.id);
        if (how != standing::in_line && how != standing::followed)
            desk_->leave_line(one.id);
    }

    void act(part& one)
    {
        switch (one.action.what) {
        case kind::look:
            one.look();
            one.event = *one.known;
            break;
        case kind::probe: probe(one); break;
        case kind::read: read(one); break;
        case kind::deliver: turns_.stands(one.id, standing::holding); break;
        case kind::finish: turns_.stands(one.id, standing::finished); break;
        case kind::pause: turns_.stands(one.id, standing::resting, now_ + one.action.pause); break;
        case kind::idle: {
            bool const silent = one.action.offset < one.plan.silent_to().value_or(0);
            turns_.stands(one.id, standing::idle, silent ? now_ + one.action.pause : turns::never);
            break;
        }
        case kind::fail: one.over = true; [[fallthrough]];
        case kind::report:
            ++one.reports;
            turns_.stands(one.id, standing::failed);
            break;
        }
    }

    void pass_over(part& one)
    {
        if (!one.action.skipped)
            return;
        hk::records_skipped const& range = *one.action.skipped;
        auto const at = one.service.log.first_from(range.from);
        bool const readable = at != one.service.log.records().end() && at->first == range.from &&
                              at->second.wrong == flaw::none;
        if (readable && range.cause == hk::skip_cause::unreadable && !one.service.breaks_promises())
            wrong_ = "offset " + std::to_string(range.from) + " could be read";
        (one.rest.empty() ? one.expected : one.expected_behind_rest) = range.to;
    }

    void probe(part& one)
    {
        auto kept = one.ahead.probe(one.action.count);
        if (!kept)
            return turns_.stands(one.id, standing::in_line);
        range_read what;
        what.offset = one.action.offset;
        what.count = one.action.count;
        what.end = one.action.end;
        auto const answer = one.service.answer_to(what);
        if (bytes(one, answer) > kept->bytes() && kept->bytes() < largest_body)
            return one.ahead.probe_exceeded(what.count, kept->bytes());
        one.event = judge(one.action, answer, one.arrived);
    }

    void read(part& one)
    {
        auto taken = one.ahead.take(one.action, "id");
        start_reads(one, true);
        if (taken) {
            one.event = judge(one.action, taken->batch, one.arrived);
            one.kept = one.event.first ? std::move(taken->kept) : allowance<>();
        } else if (one.ahead.refused()) {
            turns_.stands(one.id, standing::in_line);
        } else {
            one.waits = true;
            if (one.under_way.empty())
                wrong_ = "nothing is read, and nothing would come";
        }
    }

    void start_reads(part& one, bool waits)
    {
        while (auto due = one.ahead.next(waits))
            one.under_way.push_back(std::move(*due));
    }

    /// Any read that is under way ends. False when there is none.
    bool finish_one()
    {
        std::vector<part*> busy;
        for (auto const& one : parts_)
            if (!one->under_way.empty())
                busy.push_back(one.get());
        if (busy.empty())
            return false;
        part& one = *busy[static_cast<std::size_t>(up_to(random_, static_cast<int>(busy.size()) - 1))];
        auto const at = up_to(random_, static_cast<int>(one.under_way.size()) - 1);
        due_read due = std::move(one.under_way[static_cast<std::size_t>(at)]);
        one.under_way.erase(one.under_way.begin() + at);
        fetched read;
        read.batch = one.service.answer_to(due.what);
        read.kept = std::move(due.kept);
        std::size_t const limit = read.kept.bytes();
        std::size_t const size = bytes(one, read.batch);
        if (size > limit && limit < largest_body) {
            one.ahead.exceeded(due.what, limit);
        } else {
            read.kept.settle(std::min(size, largest_body));
            one.ahead.arrived(due.what, std::move(read));
        }
        start_reads(one, false);
        if (std::exchange(one.waits, false)) {
            this->read(one);
            follow(one);
        }
        return true;
    }

    static std::size_t bytes(part const& one, hk::result<hk::record_batch> const& answer)
    {
        return answer ? answer.value().size() * one.weight : 0;
    }

    void let_time_pass()
    {
        milliseconds const moment(1 + up_to(random_, 300));
        now_ += moment;
        for (auto const& one : parts_) {
            one->service.pause(moment);
            if (turns_.standing_of(one->id) != standing::idle || !one->look())
                continue;
            one->event = *one->known; // from the list
            turns_.stands(one->id, standing::due);
        }
    }

    // How it ends.

    bool is_at_rest() const
    {
        return std::ranges::all_of(parts_, [this](auto const& one) {
            standing const how = turns_.standing_of(one->id);
            bool const idle = how == standing::idle && one->service.is_calm() && one->plan.caught_up() &&
                              one->known->latest == one->service.log.latest();
            return one->over || one->reports > 100 || (idle && one->rest.empty());
        });
    }

    std::string judge_end() const
    {
        for (auto const& one : parts_) {
            bool const excused = one->over || one->service.breaks_promises() || one->reports > 100 ||
                                 one->service.log.has_silent_gaps();
            auto const left = one->service.log.first_from(one->expected);
            // The two looks behind a hidden record may fall into two hiccups, when a pause lies between them.
            if (one->was_paused && left != one->service.log.records().end() &&
                left->second.wrong == flaw::hidden)
                continue;
            if (!excused && std::any_of(left, one->service.log.records().end(),
                                        [](auto const& each) { return each.second.wrong == flaw::none; }))
                return "offset " + std::to_string(left->first) + " is missing at the end";
        }
        return "";
    }

    random_engine random_;
    hk::consume_options options_;
    desk_ptr desk_;
    std::vector<std::unique_ptr<part>> parts_;
    turns turns_;
    turns::time_point now_;
    std::string wrong_;
    std::size_t delivered_ = 0;
};

} // namespace

TEST_CASE("whatever happens to partitions and their stream: each record once, in turn, within the budget")
{
    std::uint64_t const first = number("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = number("HDIKAFKA_CASES", 150);
    MESSAGE("seeds " << first << " to " << first + cases - 1);
    std::size_t delivered = 0;
    for (std::uint64_t seed = first; seed != first + cases; ++seed) {
        model_run run(seed);
        std::string const wrong = run.failure();
        delivered += run.delivered();
        if (!wrong.empty())
            FAIL_CHECK("seed " << seed << ": " << wrong);
    }
    MESSAGE(delivered << " records");
    CHECK(delivered > 100 * cases);
}
