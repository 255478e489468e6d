// A producer's plan taken step by step, by a test that plays the couriers, in its own time.
#ifndef HDIKAFKA_TESTS_SUPPORT_SEND_STEPS_HPP
#define HDIKAFKA_TESTS_SUPPORT_SEND_STEPS_HPP

#include <hdikafka/detail/producer/rules.hpp>
#include <hdikafka/detail/producer/send_plan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

namespace hk = hdikafka;
using namespace hdikafka::detail;
using namespace std::chrono_literals;
using hk::milliseconds;
using texts = std::vector<std::string>;
using stage = pending_send::stage;

/// A point of the test's time.
inline send_time at(milliseconds since) { return send_time(24h) + since; }

/// The values of a batch, in order, as JSON.
inline texts values(pending_list const& batch)
{
    texts out;
    for (pending_ptr const& one : batch)
        out.emplace_back(one->content.value().text());
    return out;
}

/// A record whose answers are counted.
class sent_record final : public pending_send
{
public:
    using pending_send::pending_send;

    int answers = 0;
};

using sent_ptr = std::shared_ptr<sent_record>;

/// A courier of the test's.
class test_courier
{
public:
    explicit test_courier(lane_ptr from) : where(std::move(from)) {}

    lane_ptr where;
    std::list<flight> flights; ///< The last one is the next.
    bool boarded = false;
    bool hurried = false;
};

using courier_ptr = std::shared_ptr<test_courier>;

/// A receipt for that many records, which are all there.
inline hk::receipt all_done(std::size_t count)
{
    return hk::receipt(std::vector<hk::record_outcome>(count, hk::record_outcome(hk::persistence::done)));
}

inline hk::error http_failure(hk::errc code, int status, hk::persistence claim = hk::persistence::none)
{
    hk::diagnostics info;
    info.operation = "send";
    info.http_status = status;
    info.persisted(claim);
    return hk::error(code, std::move(info), "the service said so");
}

inline bool is(std::optional<hk::error> const& failure, hk::errc code)
{
    return failure && failure->code() == code;
}

/// A plan, and what it wants to be done. The couriers do what the test tells them.
class send_steps
{
public:
    explicit send_steps(hk::producer_options const& options,
                        hk::retry_policy const& policy = hk::retry_policy())
        : plan(options, 1, policy), options_(options)
    {}

    sent_ptr send(std::string topic, hk::record one, send_time due = send_time::max())
    {
        std::size_t const bytes = size_in_body(one, options_);
        auto const sent = std::make_shared<sent_record>(std::move(topic), std::move(one), bytes);
        sent->due = due;
        plan.submit(sent, now);
        take_effects();
        return sent;
    }

    hk::persistence leave(sent_ptr const& one)
    {
        auto const claim = plan.leave(*one, now);
        take_effects();
        return claim;
    }

    /// A record finds no room and does not wait.
    void turn_away()
    {
        plan.turn_away();
        take_effects();
    }

    std::uint64_t flush()
    {
        auto const generation = plan.flush();
        take_effects();
        return generation;
    }

    void give_up(hk::error const& why)
    {
        plan.give_up(why);
        take_effects();
    }

    /// Starts all that the plan wants: gives the couriers, keeps the questions.
    std::vector<courier_ptr> start()
    {
        std::vector<courier_ptr> out;
        for (lane_ptr const& one : wanted_)
            out.push_back(std::make_shared<test_courier>(one));
        wanted_.clear();
        return out;
    }

    /// The one courier that the plan wants.
    courier_ptr start_one()
    {
        auto out = start();
        REQUIRE(out.size() == 1);
        return std::move(out.front());
    }

    /// The courier waits from now on; when it is to board.
    std::optional<send_time> due(courier_ptr const& one)
    {
        // Not its owner: a lane that the test leaves behind would keep a courier that keeps the lane.
        one->where->waiting.assign(1, waiter_ptr(waiter_ptr(), one.get()));
        auto const due = plan.look(*one->where, now);
        take_effects();
        return due;
    }

    /// The courier's next batch begins to be written. Whether anything is left of it.
    bool departs(test_courier& one)
    {
        bool const left = plan.departs(one.flights.back(), now);
        take_effects();
        return left;
    }

    /// The courier's batches have not been sent after all.
    void put_back(test_courier& one)
    {
        for (flight& unsent : one.flights)
            plan.put_back(*one.where, unsent, now);
        one.flights.clear();
        take_effects();
    }

    /// The courier leaves with what there is, which is about to be written; the values.
    texts board(test_courier& one)
    {
        texts out = load(one);
        if (!out.empty())
            departs(one);
        return out;
    }

    /// The same before it is.
    texts load(test_courier& one)
    {
        if (!plan.due(*one.where))
            return {};
        one.boarded = true;
        one.flights.emplace_back();
        plan.board(one.where, one.flights.back(), now);
        take_effects();
        return values(one.flights.back().batch);
    }

    /// The service found the courier's batch too large.
    void halve(test_courier& one)
    {
        auto const later = one.flights.emplace(std::prev(one.flights.end()));
        plan.halve(one.flights.back(), *later);
        take_effects();
    }

    /// False when the batch was put back.
    bool land(test_courier& one, hk::result<hk::receipt> const& answer)
    {
        bool const landed = plan.land(one.flights.back(), answer, now, 0);
        one.flights.pop_back();
        take_effects();
        return landed;
    }

    void land(test_courier& one) { land(one, all_done(one.flights.back().batch.size())); }

    void come_back(courier_ptr& one)
    {
        plan.returned(one->where, one->boarded);
        one.reset();
        take_effects();
    }

    /// Carries out one courier's whole journey; the values of the batch.
    texts fly(courier_ptr& one)
    {
        due(one);
        texts out = board(*one);
        if (one->boarded)
            land(*one);
        come_back(one);
        return out;
    }

    /// When the oldest question is to be asked.
    std::optional<send_time> ask_at()
    {
        auto const due = plan.ask_at(questions.front(), nullptr, now);
        take_effects();
        return due;
    }

    /// Asks the oldest question, and answers it.
    void answer(hk::result<std::int32_t> const& count)
    {
        REQUIRE_FALSE(questions.empty());
        std::string const topic = questions.front();
        questions.pop_front();
        plan.asks(topic, now);
        plan.partitions(topic, count, now, {}, 0);
        take_effects();
    }

    /// Has all that is to be done done, and gives the batches.
    std::vector<texts> finish()
    {
        std::vector<texts> out;
        for (auto couriers = start(); !couriers.empty(); couriers = start())
            for (courier_ptr& one : couriers)
                out.push_back(fly(one));
        return out;
    }

    send_plan plan;
    send_time now = at(0ms);
    std::deque<std::string> questions; ///< Topics whose partitions are asked for.

private:
    void take_effects()
    {
        send_effects const due = plan.effects();
        for (pending_ptr const& one : due.answered)
            ++static_cast<sent_record&>(*one).answers;
        for (waiter_ptr const& one : due.hurried)
            if (one)
                static_cast<test_courier*>(one.get())->hurried = true;
        wanted_.insert(wanted_.end(), due.couriers.begin(), due.couriers.end());
        questions.insert(questions.end(), due.queries.begin(), due.queries.end());
    }

    hk::producer_options options_;
    std::vector<lane_ptr> wanted_; ///< A courier is to come for each.
};

} // namespace test

#endif
