// A producer under full load while the service answers nothing for a minute: what it holds stays within its
// budget, and afterwards every record is answered, once and in order.
#include "support/producer/send_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

constexpr milliseconds tick = 5ms;
constexpr milliseconds patience = 20s;

class stalled_courier
{
public:
    explicit stalled_courier(lane_ptr from) : where(std::move(from)) {}

    lane_ptr const where;
    std::optional<flight> batch;
    send_time due = send_time::min(); ///< When it goes on.
};

/// One who sends a record, waits for its answer, but not for ever, and sends the next.
class sender
{
public:
    std::shared_ptr<sent_record> sent;
    std::size_t number = 0; ///< Of the record among all.
    send_time gives_up;
    int left = 0; ///< Records that are still to be sent.
};

class stall
{
public:
    stall(hk::producer_options options, std::size_t senders, int records_each)
        : options_(std::move(options)), plan_(options_, 1), senders_(senders)
    {
        for (sender& one : senders_)
            one.left = records_each;
    }

    /// Lets the time pass; the service answers after 50 ms, or not at all.
    void run(milliseconds time, bool answering)
    {
        for (send_time const end = now_ + time; now_ < end && !done(); now_ += tick) {
            for (std::size_t i = 0; i != senders_.size(); ++i)
                send(i);
            start();
            move_couriers(answering);
            check_all();
        }
    }

    bool done() const
    {
        return std::ranges::all_of(senders_, [](sender const& one) { return !one.sent && one.left == 0; });
    }

    std::size_t most_bytes() const { return most_bytes_; }
    std::size_t most_records() const { return most_records_; }
    std::size_t sent() const { return sent_; }
    std::size_t given_up() const { return given_up_; }
    std::size_t wrong() const { return wrong_; }
    bool idle() const { return couriers_.empty() && wanted_.empty() && questions_.empty(); }
    hk::producer_statistics statistics() const { return plan_.statistics(); }

private:
    /// What a sender does next: see whether it was answered, lose its patience, send.
    void send(std::size_t which)
    {
        sender& one = senders_[which];
        if (one.sent && one.sent->where != stage::answered && one.gives_up <= now_) {
            if (plan_.leave(*one.sent, now_) == hk::persistence::none)
                ++given_up_;
            else
                one.gives_up = send_time::max(); // it has left
            take_effects();
            check_budget();
        }
        if (one.sent && one.sent->where == stage::answered) {
            wrong_ += one.sent->answers == 1 ? 0 : 1;
            one.sent.reset();
        }
        if (one.sent || one.left == 0)
            return;
        --one.left;
        hk::record content(hk::json(int(which)), std::string(which % 7 * 300, 'x'));
        std::size_t const bytes = size_in_body(content, options_);
        one.sent = std::make_shared<sent_record>(which % 3 == 0 ? "a" : "b", std::move(content), bytes);
        one.number = sent_++;
        one.gives_up = now_ + patience;
        numbers_[one.sent.get()] = one.number;
        plan_.submit(one.sent, now_);
        take_effects();
        check_budget();
    }

    void take_effects()
    {
        send_effects due = plan_.effects();
        for (pending_ptr const& one : due.answered)
            ++static_cast<sent_record&>(*one).answers;
        for (waiter_ptr const& one : due.hurried)
            static_cast<stalled_courier*>(one.get())->due = send_time::min();
        wanted_.splice(wanted_.end(), due.couriers);
        questions_.splice(questions_.end(), due.queries);
    }

    void start()
    {
        while (!wanted_.empty() || !questions_.empty()) {
            for (; !wanted_.empty(); wanted_.pop_front())
                couriers_.push_back(std::make_shared<stalled_courier>(wanted_.front()));
            for (; !questions_.empty(); questions_.pop_front())
                plan_.partitions(questions_.front(), std::int32_t(4), now_);
            take_effects();
            check_budget();
        }
    }

    void move_couriers(bool answering)
    {
        for (auto& one : couriers_) {
            lane_ptr const where = one->where;
            if (one->batch) {
                if (!answering || one->batch->left + 50ms > now_)
                    continue;
                check_order(*one);
                plan_.land(*one->batch, all_done(one->batch->batch.size()), now_);
                plan_.returned(where, true);
                one.reset();
            } else if (one->due <= now_) {
                where->waiting.assign(1, one);
                auto const due = plan_.due(*where);
                one->due = due.value_or(now_);
                if (now_ < one->due)
                    continue;
                if (due) {
                    plan_.board(where, one->batch.emplace(), now_);
                    plan_.departs(*one->batch, now_);
                } else {
                    plan_.returned(where, false);
                    one.reset();
                }
            }
            take_effects();
            check_budget();
        }
        std::erase(couriers_, nullptr);
    }

    /// Records of a lane land in the order in which they were sent.
    void check_order(stalled_courier const& one)
    {
        auto& next = next_[{one.where->topic, one.where->partition}];
        for (pending_ptr const& landing : one.batch->batch) {
            std::size_t const number = numbers_.at(landing.get());
            wrong_ += number >= next ? 0 : 1;
            next = number + 1;
        }
    }

    void check_budget()
    {
        auto const figures = plan_.statistics();
        most_bytes_ = std::max(most_bytes_, figures.buffered_bytes);
        most_records_ = std::max(most_records_, figures.buffered_records);
    }

    /// What is really there, whatever the figures say.
    void check_all()
    {
        std::size_t bytes = 0;
        std::size_t records = 0;
        for (sender const& one : senders_)
            if (one.sent && one.sent->where != stage::waiting && one.sent->where != stage::answered) {
                bytes += record_size(one.sent->content);
                ++records;
            }
        auto const figures = plan_.statistics();
        wrong_ += records == figures.buffered_records ? 0 : 1;
        wrong_ += bytes <= figures.buffered_bytes ? 0 : 1;
        wrong_ += figures.buffered_bytes <= options_.buffer_bytes() ? 0 : 1;
        wrong_ += figures.buffered_records <= options_.buffer_records() ? 0 : 1;
    }

    hk::producer_options const options_;
    send_plan plan_;
    send_time now_ = at(0ms);
    std::vector<sender> senders_;
    std::vector<std::shared_ptr<stalled_courier>> couriers_;
    std::list<lane_ptr> wanted_; ///< A courier is to come for each.
    std::list<std::string> questions_;
    std::map<pending_send const*, std::size_t> numbers_;
    std::map<std::pair<std::string, std::optional<std::int32_t>>, std::size_t> next_;
    std::size_t sent_ = 0;
    std::size_t given_up_ = 0;
    std::size_t most_bytes_ = 0;
    std::size_t most_records_ = 0;
    std::size_t wrong_ = 0;
};

/// Full load, a minute without an answer, and an end.
void stalls_and_recovers(hk::producer_options const& options)
{
    constexpr std::size_t senders = 3'000;
    stall run(options, senders, 12);
    run.run(300ms, true);
    std::size_t const before = run.statistics().acknowledged;
    CHECK(before > 0);
    CHECK(run.wrong() == 0);

    run.run(60s, false);
    CHECK(run.statistics().acknowledged == before);
    CHECK(run.statistics().waiting > senders / 2);
    CHECK(run.wrong() == 0);
    CHECK(run.given_up() > senders);
    CHECK(run.most_bytes() <= options.buffer_bytes());
    CHECK(run.most_records() <= options.buffer_records());
    bool const filled = run.most_bytes() > options.buffer_bytes() - options.max_batch_bytes() ||
                        run.most_records() == options.buffer_records();
    CHECK(filled); // otherwise this would show nothing

    run.run(60s, true);
    CHECK(run.done());
    run.run(tick, true);
    CHECK(run.idle());
    CHECK(run.wrong() == 0);
    auto const figures = run.statistics();
    CHECK(run.sent() == senders * 12);
    CHECK(figures.acknowledged == run.sent() - run.given_up());
    CHECK(figures.failed == run.given_up());
    CHECK(figures.buffered_records == 0);
    CHECK(figures.buffered_bytes == 0);
    CHECK(figures.waiting == 0);
    CHECK(figures.in_flight == 0);
    CHECK(figures.queue_time.max() < std::chrono::microseconds(patience + tick));
    CHECK(figures.flight_time.max() >= std::chrono::microseconds(60s));
}

} // namespace

TEST_CASE("a producer whose service stalls holds no more bytes than allowed, and drains afterwards")
{
    stalls_and_recovers(hk::producer_options().max_batch_bytes(50'000).buffer_bytes(500'000).linger(20ms));
}

TEST_CASE(
    "so does one that chooses the partitions itself, has several requests under way, and counts records")
{
    stalls_and_recovers(hk::producer_options()
                            .partitioner(hk::partitioner::murmur2)
                            .max_batch_records(40)
                            .buffer_records(800));
    stalls_and_recovers(hk::producer_options()
                            .partitioner(hk::partitioner::murmur2)
                            .max_batch_bytes(20'000)
                            .buffer_bytes(300'000)
                            .max_in_flight(3));
}
