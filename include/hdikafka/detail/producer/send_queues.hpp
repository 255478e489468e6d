// What a producer does with its records from send() to the next request of their lane: a pure decision.
#ifndef HDIKAFKA_DETAIL_PRODUCER_SEND_QUEUES_HPP
#define HDIKAFKA_DETAIL_PRODUCER_SEND_QUEUES_HPP

#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/detail/producer/partition_choice.hpp>
#include <hdikafka/detail/producer/send_ledger.hpp>
#include <hdikafka/detail/producer/service_pace.hpp>
#include <hdikafka/detail/producer/topic_entry.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The part of a send_plan that its records wait in.
class send_queues
{
public:
    /// Whether a record of that size would be taken at once.
    bool has_room(std::size_t bytes) const { return waiting_.empty() && ledger_.fits(bytes); }

    // What happens.

    /// A record found no room, and does not wait for it.
    void turn_away() { crowd(); }

    void submit(pending_ptr one, send_time now)
    {
        pending_list alone{one};
        one->node = alone.begin();
        ledger_.open(*one, now);
        waiting_.splice(waiting_.end(), alone);
        try {
            admit(now);
        } catch (...) {
            one->waiter.reset(); // whoever sends it is told that it was not taken
            if (one->where != pending_send::stage::answered)
                remove(*one);
            throw;
        }
    }

    /// Whoever sent it does not wait any longer: what becomes of the record, which is not sent unless it is
    /// on its way. Not once it was answered.
    persistence leave(pending_send& one, send_time now)
    {
        if (one.where != pending_send::stage::flying) {
            remove(one);
            make_room(now);
        } else if (one.on->written) {
            return persistence::possibly;
        } else {
            one.called_back = one.on->called_back = true;
        }
        return persistence::none;
    }

    /// When the partitions of that topic are to be asked for, of which `asker` is told when that changes;
    /// nullopt: nobody needs to know any more.
    std::optional<send_time> ask_at(std::string const& name, waiter_ptr asker, send_time now)
    {
        topic_entry& topic = topics_.at(name);
        topic.waiting.assign(1, std::move(asker));
        if (pace_.ailing() || topic.failures != 0) {
            expire(topic.unplaced, now);
            make_room(now);
        }
        if (topic.wants_answer())
            return std::max(topic.rests_until, pace_.opens());
        topics_.forget(name);
        return std::nullopt;
    }

    /// They are being asked for.
    void asks(std::string const& name, send_time now)
    {
        topic_entry& topic = topics_.at(name);
        topic.waiting.clear();
        topic.ticket = pace_.begins(now);
    }

    /// How many partitions that topic has, and which can be used, if not all: see
    /// partition_choice::learned(). `share` as for land().
    void partitions(std::string const& name, result<std::int32_t> const& count, send_time now,
                    std::vector<std::int32_t> usable = {}, double share = 1)
    {
        topic_entry& topic = topics_.at(name);
        bool const comes_again = !count && comes_back(count.error());
        if (count || count.error().info().http_status != 0)
            reached();
        else if (comes_again)
            not_reached(topic.ticket, count.error(), now, share);
        else
            abandoned(topic.ticket);
        if (comes_again && !topic.choice.known())
            return ask_again(name, topic, count.error(), now, share);
        topic.asking = false;
        topic.doubtful = false;
        topic.failures = 0;
        topic.asked_at = now;
        if (count)
            topic.choice.learned(count.value(), std::move(usable));
        pending_list placed;
        placed.swap(topic.unplaced);
        while (!placed.empty()) {
            if (placed.front()->content.partition())
                enqueue(placed);
            else if (topic.choice.known())
                choose(topic, placed);
            else
                ledger_.fail_first(placed, count.error());
        }
        if (!topic.choice.known())
            topics_.forget(name);
        make_room(now);
    }

    /// From now on nothing that is in the buffer lingers. The generation to wait for.
    std::uint64_t flush()
    {
        std::uint64_t const generation = ledger_.flush();
        hurry_lanes();
        return generation;
    }

    /// Whether everything of that generation, and of those before it, has been answered.
    bool flushed(std::uint64_t generation) const { return ledger_.flushed(generation); }

    /// Fails, with that error, everything that is not on its way.
    void give_up(error const& why)
    {
        ledger_.fail(waiting_, why);
        for (auto& [name, topic] : topics_)
            ledger_.fail(topic.unplaced, why);
        for (auto const& [key, one] : lanes_) {
            pending_list given_up = one->queue.take_all();
            ledger_.fail(given_up, why);
            hurry(*one);
        }
    }

    /// Of the bodies of requests to come.
    std::size_t largest_body() const noexcept { return limits_.bytes; }

    /// When a courier is to board; nullopt: there is nothing to send any more.
    std::optional<send_time> due(lane const& one) const
    {
        auto const due = one.queue.due(limits_, ledger_.hurried(), crowded_);
        return due ? std::max(*due, pace_.opens()) : due;
    }

    /// The same, once the lane's records whose time is over are answered: while the service cannot be
    /// reached.
    std::optional<send_time> look(lane& one, send_time now)
    {
        pending_list late = pace_.ailing() ? one.queue.overdue(now) : pending_list();
        if (!late.empty()) {
            expire(late, now);
            make_room(now);
        }
        return due(one);
    }

    /// Whether anything is to be done.
    bool idle() const noexcept { return effects_.empty(); }
    /// What is to be done since this was called last.
    send_effects effects() noexcept { return std::exchange(effects_, send_effects()); }

    /// What could not be started yet comes again.
    void put_off(send_effects& undone) noexcept
    {
        effects_.couriers.splice(effects_.couriers.end(), undone.couriers);
        effects_.queries.splice(effects_.queries.end(), undone.queries);
    }

    service_pace const& pace() const noexcept { return pace_; }

    producer_statistics statistics() const
    {
        producer_statistics out = ledger_.figures();
        out.waiting = waiting_.size();
        return out;
    }

protected:
    /// By `policy` batches and questions are tried again that did not reach the service.
    send_queues(producer_options options, std::uint64_t seed, retry_policy policy)
        : options_(std::move(options)),
          ledger_(options_.buffer_records(), options_.buffer_bytes(), effects_),
          largest_(options_.max_batch_bytes()),
          random_(seed),
          pace_(std::move(policy))
    {
        limits_.records = options_.max_batch_records();
        limits_.bytes = options_.max_batch_bytes();
        limits_.linger = std::min(options_.linger(), longest);
    }
    ~send_queues() = default;

    /// A place in the buffer was given back, or several.
    void make_room(send_time now)
    {
        admit(now);
        crowded_ = !waiting_.empty();
    }

    /// The buffer is full: what is there is not to linger.
    void crowd()
    {
        if (!std::exchange(crowded_, true))
            hurry_lanes();
    }

    /// Whether what failed so, with nothing done, is to be tried again until there is no time left.
    bool comes_back(error const& why) const
    {
        return pace_.retries() && why.info().retriable() && why.info().persisted() == persistence::none;
    }

    /// Answers those of a list whose time is over.
    void expire(pending_list& list, send_time now)
    {
        if (!list.empty())
            ledger_.fail_late(list, now, pace_.out_of_time());
    }

    void reached()
    {
        if (pace_.reached())
            hurry_everybody();
    }

    void not_reached(std::uint64_t ticket, error const& why, send_time now, double share)
    {
        pace_.failed(ticket, now, share, why.cause());
        hurry_everybody();
    }

    void abandoned(std::uint64_t ticket)
    {
        if (pace_.abandoned(ticket))
            hurry_everybody();
    }

    void hurry_lanes() noexcept
    {
        for (auto const& [key, one] : lanes_)
            hurry(*one);
    }

    /// Also those who are to ask for partitions.
    void hurry_everybody() noexcept
    {
        hurry_lanes();
        for (auto& [name, topic] : topics_)
            effects_.hurried.splice(effects_.hurried.end(), topic.waiting);
    }

    /// The courier that waits, if one does, is to look again.
    void hurry(lane& one) noexcept { effects_.hurried.splice(effects_.hurried.end(), one.waiting); }

    /// Has a courier come for what is, or will be, in the lane.
    void call_courier(lane_ptr const& one)
    {
        if (one->boarding || one->couriers >= options_.max_in_flight())
            return;
        effects_.couriers.push_back(one);
        one->boarding = true;
        ++one->couriers;
    }

    /// Far beyond use, far from overflow.
    static constexpr milliseconds longest = std::chrono::hours(24 * 365);

    using lane_key = std::pair<std::string_view, std::optional<std::int32_t>>; ///< The lane's own topic.

    producer_options const options_;
    send_effects effects_;
    send_ledger ledger_;
    body_limit largest_;
    batch_limits limits_;
    random_source random_;
    pending_list waiting_;
    topic_book topics_;
    std::map<lane_key, lane_ptr> lanes_;
    service_pace pace_;
    bool crowded_ = false; ///< Somebody found no room since there was some.

private:
    /// Takes in what there is room for, in its order.
    void admit(send_time now)
    {
        while (!waiting_.empty()) {
            pending_send& one = *waiting_.front();
            if (!ledger_.fits(one.bytes))
                return crowd();
            if (!options_.partitioner().needs_partitions())
                enqueue(waiting_);
            else
                place(one, now);
        }
    }

    /// The first that waits goes to a partition, or to those that wait until these are known.
    void place(pending_send& one, send_time now)
    {
        // A record with a partition of its own does not overtake one whose partition may be the same.
        topic_entry* const found = topics_.find(one.topic);
        if (one.content.partition() && (!found || found->unplaced.empty()))
            return enqueue(waiting_);
        topic_entry& topic = topics_.open(one.topic);
        if (topic.needs_answer(now, std::min(options_.refresh_partitions(), longest))) {
            effects_.queries.push_back(one.topic);
            topic.asking = true;
        }
        if (topic.choice.known())
            return choose(topic, waiting_);
        ledger_.take_in(one);
        topic.unplaced.splice(topic.unplaced.end(), waiting_, waiting_.begin());
    }

    /// Chooses a partition for the first of the list.
    void choose(topic_entry& topic, pending_list& from)
    {
        pending_send& one = *from.front();
        auto const chosen =
            topic.choice.pick(options_.partitioner(), one.topic, one.content, one.bytes, limits_, random_);
        if (!chosen)
            return ledger_.fail_first(from, chosen.error());
        one.content.partition(chosen.value());
        enqueue(from);
    }

    /// The first of the list joins its lane.
    void enqueue(pending_list& from)
    {
        pending_send& one = *from.front();
        auto found = lanes_.find(lane_key(one.topic, one.content.partition()));
        if (found == lanes_.end()) {
            auto const made = std::make_shared<lane>(one.topic, one.content.partition());
            found = lanes_.emplace(lane_key(made->topic, made->partition), made).first;
        }
        lane_ptr const& to = found->second;
        call_courier(to);
        // From here on nothing fails: a record is where its counters say.
        ledger_.take_in(one);
        one.where = pending_send::stage::queued;
        one.in = to.get();
        bool const was_full = to->queue.full(limits_);
        to->queue.add(from);
        if (!was_full && to->queue.full(limits_))
            hurry(*to);
    }

    void ask_again(std::string const& name, topic_entry& topic, error const& why, send_time now, double share)
    {
        topic.rests_until = now + rest_after(pace_.policy(), ++topic.failures, share);
        pace_.heed(why, now);
        expire(topic.unplaced, now);
        effects_.queries.push_back(name);
        make_room(now);
    }

    /// Takes a record that has not left out of wherever it is.
    void remove(pending_send& one)
    {
        pending_list alone;
        if (one.where == pending_send::stage::queued) {
            alone = one.in->queue.remove(one);
            if (one.in->queue.empty())
                hurry(*one.in); // there is nothing left to wait for
        } else if (one.where == pending_send::stage::unplaced) {
            alone.splice(alone.end(), topics_.at(one.topic).unplaced, one.node);
        } else {
            alone.splice(alone.end(), waiting_, one.node);
        }
        ledger_.answer(alone, one, persistence::none);
    }
};

} // namespace hdikafka::inline v0_1::detail

#endif
