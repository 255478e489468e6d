// A producer's plan with random options, records, cancellations, failures and flushes, carried out by
// couriers that take their time: each record is answered once and in order, nothing waits for ever, and every
// limit holds.
#include "support/producer/send_model.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

class model_run
{
public:
    explicit model_run(std::uint64_t seed)
        : random_(seed),
          options_(random_options(random_)),
          policy_(random_policy(random_)),
          plan_(options_, seed, policy_),
          faults_(chance(random_, 50) ? up_to(random_, 40) : 0),
          cancellations_(chance(random_, 50) ? up_to(random_, 15) : 0),
          flushes_(chance(random_, 50) ? up_to(random_, 10) : 0),
          outages_(chance(random_, 50) ? up_to(random_, 10) : 0),
          gives_up_(chance(random_, 10)),
          service_limit_(std::size_t(chance(random_, 30) ? 200 + up_to(random_, 2'000) : 1'000'000)),
          learned_(options_.max_batch_bytes())
    {}

    /// What went wrong, or nothing.
    std::string failure()
    {
        try {
            for (int steps = 50 + up_to(random_, 250); steps != 0; --steps) {
                happen();
                check();
            }
            drain();
            check_end();
        } catch (broken const& wrong) {
            return wrong.what();
        }
        return "";
    }

    std::size_t sent() const { return all_.size(); }
    std::size_t halved() const { return halved_; }
    std::size_t hurried() const { return hurried_; }
    std::size_t put_back() const { return put_back_; }
    std::size_t late() const { return late_; }

private:
    void happen()
    {
        int const which = up_to(random_, 99);
        if (which < 35)
            send();
        else if (which < 50)
            pass(milliseconds(up_to(random_, 20)));
        else if (which < 80)
            step_a_courier();
        else if (which < 88)
            answer_a_question();
        if (chance(random_, cancellations_))
            take_one_back();
        if (chance(random_, flushes_))
            flush();
        if (chance(random_, outages_))
            down_ = !down_;
        if (gives_up_ && !closed_ && chance(random_, 1))
            give_up();
        start(chance(random_, 80) ? 1'000 : up_to(random_, 1)); // others may come in between
    }

    void send()
    {
        if (closed_)
            return;
        hk::record one = random_record(random_);
        std::size_t const bytes = size_in_body(one, options_);
        if (!check_size(bytes, options_))
            return;
        bool const room = plan_.has_room(bytes);
        auto const sent = std::make_shared<numbered>(
            all_.size(), std::string(1, static_cast<char>('a' + up_to(random_, 2))), std::move(one), bytes);
        if (chance(random_, 40)) {
            sent->due = now_ + milliseconds(up_to(random_, 300));
            sent->watched = chance(random_, 50);
        }
        all_.push_back(sent);
        plan_.submit(sent, now_);
        take_effects();
        require(room == (sent->where != stage::waiting), "there was room, or not");
        sent->watched = sent->watched || !room; // try_send() does not wait
        if (sent->where == stage::answered) {
            require(is(sent->failure, hk::errc::invalid_partition), "answered at once");
            expect(*sent, hk::persistence::none, true);
        }
    }

    /// Whoever watches over a record takes it back when its time is over.
    void pass(milliseconds time)
    {
        now_ += time;
        for (std::size_t i = 0; i != all_.size(); ++i)
            if (numbered& one = *all_[i]; one.watched && one.due <= now_ && one.where != stage::answered)
                take_back(one);
    }

    static void expect(numbered& one, hk::persistence claim, bool fails)
    {
        one.claim = claim;
        one.fails = fails;
    }

    void take_one_back()
    {
        if (all_.empty())
            return;
        numbered& one = *all_[std::size_t(up_to(random_, int(all_.size()) - 1))];
        if (one.where != stage::answered)
            take_back(one);
    }

    void take_back(numbered& one)
    {
        if (one.called_back || one.left)
            return;
        one.left = true;
        bool const flying = one.where == stage::flying;
        bool const written = flying && one.on->written;
        auto const claim = plan_.leave(one, now_);
        take_effects();
        require(claim == (written ? hk::persistence::possibly : hk::persistence::none), "a false claim");
        require(flying == (one.where == stage::flying), "taken back, or not");
        if (!written)
            expect(one, hk::persistence::none, false);
        notice_refused();
    }

    /// Those whose partitioner has failed them, which may be when others made room.
    void notice_refused()
    {
        for (numbered_ptr const& one : all_)
            if (one->where == stage::answered && !one->claim) {
                bool const late = is(one->failure, hk::errc::timed_out) && one->due <= now_;
                require(late || is(one->failure, hk::errc::invalid_partition), "answered by nobody");
                late_ += late ? 1 : 0;
                expect(*one, hk::persistence::none, true);
            }
    }

    void flush()
    {
        flushed_.emplace_back(plan_.flush(), all_.size());
        take_effects();
    }

    void give_up()
    {
        closed_ = true;
        plan_.give_up(hk::error(hk::errc::closed, "over"));
        take_effects();
        for (numbered_ptr const& one : all_) {
            if (one->claim)
                continue;
            require(one->where == stage::flying || is(one->failure, hk::errc::closed), "not given up");
            if (one->where != stage::flying)
                expect(*one, hk::persistence::none, true);
        }
    }

    /// Tells those whom the plan wants to be told, and keeps what it wants to be started.
    void take_effects()
    {
        send_effects due = plan_.effects();
        for (pending_ptr const& one : due.answered)
            ++of(one).answers;
        for (waiter_ptr const& one : due.hurried)
            if (one)
                static_cast<slow_courier*>(one.get())->hurried = true;
        wanted_.splice(wanted_.end(), due.couriers);
        topics_wanted_.splice(topics_wanted_.end(), due.queries);
    }

    bool wants_nothing() const { return wanted_.empty() && topics_wanted_.empty(); }

    void start(int most)
    {
        for (; most != 0 && !wants_nothing(); --most) {
            if (topics_wanted_.empty() || (!wanted_.empty() && chance(random_, 50))) {
                lanes_.push_back(wanted_.front());
                couriers_.push_back(std::make_shared<slow_courier>(wanted_.front()));
                wanted_.pop_front();
            } else {
                require(std::ranges::count(questions_, topics_wanted_.front()) == 0, "asked twice");
                questions_.push_back(topics_wanted_.front());
                topics_wanted_.pop_front();
            }
        }
    }

    bool can_step(slow_courier const& one) const
    {
        return !one.until || one.hurried || *one.until <= now_ || one.boarded;
    }

    void step_a_courier()
    {
        if (couriers_.empty())
            return;
        auto const at = couriers_.begin() + up_to(random_, int(couriers_.size()) - 1);
        if (can_step(**at) && step(*at))
            couriers_.erase(at);
    }

    /// Whether the courier has come back.
    bool step(std::shared_ptr<slow_courier> const& which)
    {
        slow_courier& one = *which;
        if (!one.boarded) {
            hurried_ += one.hurried ? 1 : 0;
            one.hurried = false;
            one.where->waiting.assign(1, which);
            one.until = plan_.look(*one.where, now_);
            take_effects();
            notice_refused();
            if (one.until && now_ < *one.until)
                return false;
            if (one.until)
                board(one);
        } else {
            carry(one);
        }
        if (!one.flights.empty())
            return false;
        plan_.returned(one.where, one.boarded);
        take_effects();
        return true;
    }

    std::size_t body_of(flight const& one) const
    {
        return write_records(one.batch,
                             [](pending_ptr const& sent) -> hk::record const& { return sent->content; })
            .size();
    }

    void board(slow_courier& one)
    {
        check_time(*one.where);
        bool const ailing = plan_.pace().ailing();
        require(plan_.pace().opens() <= now_, "while the service is not to be tried");
        one.boarded = true;
        one.flights.emplace_back();
        plan_.board(one.where, one.flights.back(), now_);
        take_effects();
        flight const& batch = one.flights.back();
        require(!batch.batch.empty(), "an empty batch");
        require(batch.batch.size() <= options_.max_batch_records(), "too many records");
        std::size_t const size = body_of(batch);
        require(size <= options_.max_batch_bytes(), "too many bytes");
        require(batch.batch.size() == 1 || size <= learned_, "larger than was learned");
        std::size_t next = 0;
        for (pending_ptr const& sent : batch.batch) {
            require(of(sent).number >= next, "overtaken");
            next = of(sent).number + 1;
            require(sent->where == stage::flying && sent->on == &batch, "not flying");
            require(!ailing || now_ < sent->due, "too late");
            require(sent->topic == one.where->topic, "another topic's");
            require(sent->content.partition() == one.where->partition, "another lane's");
        }
        auto const queued = queue_of(*one.where);
        for (pending_ptr const& behind : queued)
            require(of(behind).number >= next, "overtaken by those behind");
        bool const another =
            !queued.empty() && batch.batch.size() < options_.max_batch_records() &&
            bytes_of(batch.batch) + body_size(batch.batch.size() + 1, 0) + queued.front()->bytes <= learned_;
        require(!another, "there was room for one more");
    }

    std::vector<pending_ptr> queue_of(lane const& one) const
    {
        std::vector<pending_ptr> out;
        std::ranges::copy_if(all_, std::back_inserter(out), [&one](numbered_ptr const& sent) {
            return sent->where == stage::queued && sent->in == &one;
        });
        return out;
    }

    template <class List>
    static std::size_t bytes_of(List const& list)
    {
        std::size_t bytes = 0;
        for (pending_ptr const& sent : list)
            bytes += sent->bytes;
        return bytes;
    }

    /// Whether it is time for what waits in the lane: it has lingered, is flushed or full.
    void check_time(lane const& one) const
    {
        auto const queued = queue_of(one);
        std::size_t const first = of(queued.front()).number;
        bool const lingered = queued.front()->since + std::min<milliseconds>(options_.linger(), 24h) <= now_;
        bool const full = queued.size() >= options_.max_batch_records() ||
                          body_size(queued.size(), bytes_of(queued)) >= learned_;
        bool const flushed =
            std::ranges::any_of(flushed_, [first](auto const& flush) { return first < flush.second; });
        require(lingered || full || flushed || plan_.statistics().waiting != 0, "too early");
    }

    /// The service answers the next flight.
    void carry(slow_courier& one)
    {
        flight& now = one.flights.back();
        bool const goes = !down_ || chance(random_, 50); // else it is not even thought of as written
        if (goes && !std::exchange(one.departed, true))
            return depart(one);
        one.departed = false;
        if (down_)
            return fail_to_reach(one);
        std::size_t const count = now.batch.size();
        if (body_of(now) > service_limit_ && count > 1) {
            auto const later = one.flights.emplace(std::prev(one.flights.end()));
            plan_.halve(now, *later);
            take_effects();
            learned_ = plan_.largest_body();
            ++retries_;
            require(now.batch.size() == count / 2 && later->batch.size() == count - count / 2, "no halves");
            ++halved_;
            return;
        }
        land(one, chance(random_, faults_));
    }

    /// Its next batch is about to be written, if anything is left of it.
    void depart(slow_courier& one)
    {
        bool const left = plan_.departs(one.flights.back(), now_);
        take_effects();
        notice_refused();
        for (pending_ptr const& sent : one.flights.back().batch)
            require(!of(sent).claim, "written after it was taken back");
        require(left == !one.flights.back().batch.empty(), "there is something left, or not");
        if (!left) {
            one.departed = false;
            give_back(one, false);
        }
    }

    /// Its flights have not been sent after all: the next, or all.
    void give_back(slow_courier& one, bool all)
    {
        do {
            plan_.put_back(*one.where, one.flights.back(), now_);
            take_effects();
            one.flights.pop_back();
        } while (all && !one.flights.empty());
        end_again();
        notice_refused();
    }

    /// What comes back after the end has no place to go.
    void end_again()
    {
        if (!closed_)
            return;
        plan_.give_up(hk::error(hk::errc::closed, "over"));
        take_effects();
        for (numbered_ptr const& sent : all_)
            if (!sent->claim && is(sent->failure, hk::errc::closed))
                expect(*sent, hk::persistence::none, true);
    }

    static hk::error unreachable()
    {
        hk::diagnostics info;
        info.retriable(true).persisted(hk::persistence::none);
        return hk::error(hk::errc::connect_failed, std::move(info), "refused");
    }

    void fail_to_reach(slow_courier& one)
    {
        flight& now = one.flights.back();
        std::vector<pending_ptr> const trying(now.batch.begin(), now.batch.end());
        bool const landed = plan_.land(now, unreachable(), now_, chance(random_, 50) ? 0.5 : 0);
        take_effects();
        std::size_t back = 0;
        std::size_t failed = 0;
        for (pending_ptr const& sent : trying) {
            back += sent->where == stage::queued ? 1 : 0;
            if (sent->where != stage::answered || of(sent).claim)
                continue;
            failed += is(sent->failure, hk::errc::connect_failed) ? 1 : 0;
            if (is(sent->failure, hk::errc::connect_failed))
                expect(of(sent), hk::persistence::none, true);
        }
        require(landed == (back == 0), "put back, or not");
        require(policy_.max_retries() != 0 ? failed == 0 : back == 0, "given up, or not");
        put_back_ += back;
        retries_ += back != 0 ? 1 : 0;
        landings_ += back == 0 ? 1 : 0;
        left_ += failed;
        one.flights.pop_back();
        if (!landed && !one.flights.empty())
            give_back(one, true);
        end_again();
        notice_refused();
    }

    void land(slow_courier& one, bool fails)
    {
        flight& now = one.flights.back();
        auto const random_claim = [this] { return static_cast<hk::persistence>(up_to(random_, 2)); };
        auto const claim = chance(random_, 50) ? hk::persistence::none : hk::persistence::possibly;
        std::vector<hk::record_outcome> outcomes;
        std::vector<pending_ptr> const landing(now.batch.begin(), now.batch.end());
        auto& last = landed_[{one.where->topic, one.where->partition}];
        for (pending_ptr const& sent : landing) {
            outcomes.emplace_back(fails ? claim : random_claim());
            outcomes.back().offset = std::int64_t(of(sent).number);
            expect(of(sent), outcomes.back().persisted, fails);
            require(options_.max_in_flight() > 1 || of(sent).number >= last, "landed out of order");
            last = of(sent).number + 1;
        }
        int const status = chance(random_, 50) ? 404 : 503;
        now.retries = std::size_t(up_to(random_, 2));
        retries_ += now.retries;
        plan_.land(now,
                   fails ? hk::result<hk::receipt>(http_failure(hk::errc::service_failed, status, claim))
                         : hk::result<hk::receipt>(hk::receipt(std::move(outcomes))),
                   now_);
        take_effects();
        ++landings_;
        left_ += landing.size();
        one.flights.pop_back();
        for (pending_ptr const& sent : landing) {
            require(sent->where == stage::answered, "landed without an answer");
            require(fails || sent->outcome.offset == std::int64_t(of(sent).number), "another's outcome");
            require(fails == is(sent->failure, hk::errc::service_failed), "another failure");
        }
        notice_refused();
    }

    void answer_a_question()
    {
        if (questions_.empty())
            return;
        auto const at = questions_.begin() + up_to(random_, int(questions_.size()) - 1);
        std::string const topic = *at;
        auto const due = plan_.ask_at(topic, nullptr, now_);
        take_effects();
        notice_refused();
        if (due && now_ < *due)
            return;
        questions_.erase(at);
        if (!due)
            return;
        plan_.asks(topic, now_);
        if (down_ && policy_.max_retries() != 0)
            return learn(topic, unreachable());
        if (!chance(random_, faults_))
            return learn(topic, hk::result<std::int32_t>(1 + up_to(random_, 4)));
        std::vector<numbered_ptr> unplaced;
        for (numbered_ptr const& one : all_)
            if (one->where == stage::unplaced && one->topic == topic)
                unplaced.push_back(one);
        learn(topic, http_failure(hk::errc::not_found, 404), unplaced);
    }

    void learn(std::string const& topic, hk::result<std::int32_t> const& count,
               std::vector<numbered_ptr> const& unplaced = {})
    {
        plan_.partitions(topic, count, now_);
        take_effects();
        for (numbered_ptr const& one : unplaced)
            if (one->where == stage::answered) {
                require(is(one->failure, hk::errc::not_found), "refused for another reason");
                expect(*one, hk::persistence::none, true);
            }
        notice_refused();
    }

    void check() const
    {
        std::size_t bytes = 0;
        std::size_t records = 0;
        std::size_t waiting = 0;
        std::size_t first_unanswered = all_.size();
        numbered const* first_waiting = nullptr;
        bool const started = wants_nothing();
        for (auto at = all_.rbegin(); at != all_.rend(); ++at) {
            numbered const& one = **at;
            require(one.answers == (one.where == stage::answered ? 1 : 0),
                    "answered more than once, or never");
            if (one.where == stage::answered)
                continue;
            first_unanswered = one.number;
            if (one.where == stage::waiting) {
                ++waiting;
                first_waiting = &one;
                continue;
            }
            require(first_waiting == nullptr || one.number < first_waiting->number,
                    "overtaken on the way in");
            ++records;
            bytes += one.bytes;
            if (one.where == stage::unplaced && started)
                require(std::ranges::count(questions_, one.topic) == 1, "waits for what nobody asks");
            if (one.where == stage::queued && started)
                check(*one.in);
        }
        auto const figures = plan_.statistics();
        require(figures.buffered_records == records && figures.buffered_bytes == bytes, "miscounted");
        require(bytes <= options_.buffer_bytes() && records <= options_.buffer_records(), "over the budget");
        require(figures.waiting == waiting, "miscounted who waits");
        bool const fits = first_waiting != nullptr && records < options_.buffer_records() &&
                          bytes + first_waiting->bytes <= options_.buffer_bytes();
        require(!fits, "there is room, and one waits");
        for (auto const& [generation, count] : flushed_)
            require(plan_.flushed(generation) == (first_unanswered >= count),
                    "flushed too early or too late");
        std::size_t flights = 0;
        for (auto const& one : couriers_) {
            flights += one->flights.size();
            if (!one->until || one->boarded || one->hurried)
                continue;
            auto const due = plan_.due(*one->where);
            require(due && *due >= *one->until, "sleeps although it should go");
        }
        require(figures.in_flight == flights, "miscounted what is under way");
    }

    /// Of a lane that has records.
    void check(lane const& one) const
    {
        std::size_t couriers = 0;
        std::size_t boarding = 0;
        for (auto const& courier : couriers_)
            if (courier->where.get() == &one) {
                ++couriers;
                boarding += courier->boarded ? 0 : 1;
            }
        require(couriers == one.couriers, "miscounted couriers");
        require(couriers <= options_.max_in_flight(), "too many couriers");
        require(boarding <= 1, "two couriers board");
        require(boarding == 1 || couriers == options_.max_in_flight(), "nobody comes for the records");
    }

    /// Nothing new comes; all that is there goes its way.
    void drain()
    {
        down_ = false;
        for (int rounds = 0; rounds != 10'000; ++rounds) {
            start(1'000);
            std::size_t const asked = questions_.size();
            answer_a_question();
            bool moved = questions_.size() != asked;
            for (std::size_t i = couriers_.size(); i-- != 0;)
                if (can_step(*couriers_[i])) {
                    moved = true;
                    if (step(couriers_[i]))
                        couriers_.erase(couriers_.begin() + std::ptrdiff_t(i));
                    check();
                }
            if (moved)
                continue;
            if (couriers_.empty() && questions_.empty())
                return;
            pass(milliseconds(up_to(random_, 200)));
            for (auto const& one : couriers_)
                if (!plan_.pace().ailing() || *one->until < now_ + 20s) // others wait for somebody who tries
                    now_ = std::max(now_, *one->until);
        }
        throw broken("it never ends");
    }

    void check_end()
    {
        require(wants_nothing(), "there is still something to do");
        hk::producer_statistics expected;
        for (numbered_ptr const& one : all_) {
            require(one->answers == 1 && one->claim.has_value(), "without an answer");
            require(one->fails == one->failure.has_value(), "an error, or none");
            expected.acknowledged += one->claim == hk::persistence::done ? 1 : 0;
            expected.bytes += one->claim == hk::persistence::done ? one->bytes : 0;
            expected.failed += one->claim == hk::persistence::none ? 1 : 0;
            expected.doubtful += one->claim == hk::persistence::possibly ? 1 : 0;
        }
        auto const figures = plan_.statistics();
        require(figures.acknowledged == expected.acknowledged && figures.failed == expected.failed &&
                    figures.doubtful == expected.doubtful && figures.bytes == expected.bytes,
                "the figures tell something else than the records were told");
        require(figures.batches == landings_ && figures.flight_time.count() == landings_, "batches");
        require(figures.retries == retries_, "retries");
        require(figures.queue_time.count() == left_, "queue times");
        require(plan_.flushed(plan_.flush()), "not flushed");
        for (auto const& one : lanes_)
            require(one.expired(), "a lane is kept");
    }

    using place = std::pair<std::string, std::optional<std::int32_t>>;

    random_engine random_;
    hk::producer_options options_;
    hk::retry_policy policy_;
    send_plan plan_;
    send_time now_ = at(0ms);
    int faults_; ///< As the following, in percent of the steps.
    int cancellations_;
    int flushes_;
    int outages_;
    bool down_ = false; ///< Nobody gets to the service.
    bool gives_up_;
    std::size_t service_limit_;
    std::size_t learned_;
    bool closed_ = false;
    std::vector<numbered_ptr> all_;
    std::list<lane_ptr> wanted_; ///< A courier is to come for each.
    std::list<std::string> topics_wanted_;
    std::vector<std::shared_ptr<slow_courier>> couriers_;
    std::vector<std::string> questions_;
    std::vector<std::pair<std::uint64_t, std::size_t>> flushed_; ///< And how many records came before.
    std::map<place, std::size_t> landed_;
    std::vector<std::weak_ptr<lane>> lanes_;
    std::size_t left_ = 0;
    std::size_t landings_ = 0;
    std::size_t retries_ = 0;
    std::size_t halved_ = 0;
    std::size_t hurried_ = 0;
    std::size_t put_back_ = 0;
    std::size_t late_ = 0;
};

/// From the environment, for long runs by hand.
std::uint64_t number(char const* name, std::uint64_t usual)
{
    char const* const text = std::getenv(name);
    return text ? std::stoull(text) : usual;
}

} // namespace

TEST_CASE(
    "whatever is sent, taken back, refused and flushed: each record is answered once, in order and in time")
{
    std::uint64_t const first = number("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = number("HDIKAFKA_CASES", 10'000);
    MESSAGE("seeds " << first << " to " << first + cases - 1);
    std::size_t sent = 0;
    std::size_t halved = 0;
    std::size_t hurried = 0;
    std::size_t put_back = 0;
    std::size_t late = 0;
    for (std::uint64_t seed = first; seed != first + cases; ++seed) {
        model_run run(seed);
        std::string const wrong = run.failure();
        sent += run.sent();
        halved += run.halved();
        hurried += run.hurried();
        put_back += run.put_back();
        late += run.late();
        if (!wrong.empty())
            FAIL_CHECK("seed " << seed << ": " << wrong);
    }
    MESSAGE(sent << " records, " << halved << " batches in halves, " << hurried << " couriers hurried, "
                 << put_back << " times a record came back, " << late << " that were told they are late");
    CHECK(put_back > cases);
    CHECK(late > cases / 20);
    CHECK(sent > 20 * cases);
    CHECK(halved > cases / 10);
    CHECK(hurried > cases / 10);
}
