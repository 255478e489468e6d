// What a producer does with its records, from send() to answer: a pure decision.
//
// A record waits for room, then, if somebody else than the service places it, for the number of its topic's
// partitions, then in its lane for the next request. A lane is a partition, or a topic whose records the
// service places; it has a few requests under way at a time, each with a courier: whoever carries it out
// waits for the lane's linger, takes a batch, sends it, and lands it here.
#ifndef HDIKAFKA_DETAIL_PRODUCER_SEND_PLAN_HPP
#define HDIKAFKA_DETAIL_PRODUCER_SEND_PLAN_HPP

#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/detail/producer/partition_choice.hpp>
#include <hdikafka/detail/producer/send_ledger.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Belongs to the lock of its producer. What is given to it has been checked. What happens is told to it by
/// one function or several, which is a turn; what is to be done because of that is in effects().
class send_plan
{
public:
    explicit send_plan(producer_options options, std::uint64_t seed = 0)
        : options_(std::move(options)),
          ledger_(options_.buffer_records(), options_.buffer_bytes(), effects_),
          largest_(options_.max_batch_bytes()),
          random_(seed)
    {
        limits_.records = options_.max_batch_records();
        limits_.bytes = options_.max_batch_bytes();
        limits_.linger = std::min(options_.linger(), longest);
    }

    /// Whether a record of that size would be taken at once.
    bool has_room(std::size_t bytes) const { return waiting_.empty() && ledger_.fits(bytes); }

    // What happens.

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
        if (one.where == pending_send::stage::flying)
            return persistence::possibly;
        remove(one);
        admit(now);
        return persistence::none;
    }

    /// How many partitions that topic has, and which can be used, if not all: see
    /// partition_choice::learned().
    void partitions(std::string const& name, result<std::int32_t> const& count, send_time now,
                    std::vector<std::int32_t> usable = {})
    {
        topic_entry& topic = topics_.at(name);
        topic.asking = false;
        topic.doubtful = false;
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
            topics_.erase(name);
        admit(now);
    }

    /// From now on nothing that is in the buffer lingers. The generation to wait for.
    std::uint64_t flush()
    {
        std::uint64_t const generation = ledger_.flush();
        for (auto const& [key, one] : lanes_)
            hurry(*one);
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
        auto const due = one.queue.due(limits_, ledger_.hurried());
        return due ? std::optional(std::max(*due, not_before_)) : due;
    }

    /// A courier leaves with a batch, `out`.
    void board(lane_ptr const& one, flight& out, send_time now)
    {
        out.batch = one->queue.take(limits_);
        ledger_.depart(out, now);
        one->boarding = false;
        one->waiting.clear();
        if (one->partition && one->queue.empty())
            if (auto const found = topics_.find(one->topic); found != topics_.end())
                found->second.choice.emptied(*one->partition, random_);
        if (!one->queue.empty())
            call_courier(one);
    }

    /// The later half of a batch that the service found too large and has not written; it is sent after the
    /// other.
    flight halve(flight& whole)
    {
        std::size_t const size = body_of(whole.batch);
        // Not the size of either half: a batch of a small and a large record says nothing of small batches.
        std::size_t const bytes = size - body_size(whole.batch.size(), 0);
        largest_.refused(size, body_size(whole.batch.size() / 2, bytes / 2));
        limits_.bytes = largest_.value();
        auto const middle =
            std::next(whole.batch.begin(), static_cast<std::ptrdiff_t>(whole.batch.size() / 2));
        flight out;
        out.left = whole.left;
        out.batch.splice(out.batch.end(), whole.batch, middle, whole.batch.end());
        ledger_.split();
        for (auto const& [key, one] : lanes_)
            if (one->queue.full(limits_)) // by the new limit
                hurry(*one);
        return out;
    }

    /// What became of a batch. The receipt, if there is one, has an outcome for each record.
    void land(flight& done, result<receipt> const& answer, send_time now)
    {
        ledger_.arrive(done, now);
        if (answer) {
            largest_.taken(body_of(done.batch));
            limits_.bytes = largest_.value();
        } else if (auto const pause = answer.error().info().retry_after) {
            not_before_ = std::max(not_before_, now + std::min<milliseconds>(*pause, longest_pause));
        }
        if (answer ? answer.value().has_error() : refuses(answer.error()))
            if (auto const found = topics_.find(done.batch.front()->topic); found != topics_.end())
                found->second.doubtful = true;
        for (std::size_t i = 0; !done.batch.empty(); ++i) {
            pending_send& one = *done.batch.front();
            if (answer) {
                one.outcome.persisted = answer.value().persisted(i);
                one.outcome.partition = answer.value().partition(i);
                one.outcome.offset = answer.value().offset(i);
                one.outcome.failure = answer.value().error(i);
            } else {
                one.failure = answer.error();
            }
            ledger_.answer(done.batch, one,
                           answer ? one.outcome.persisted : answer.error().info().persisted());
        }
        admit(now);
    }

    /// A batch has not been sent after all: its records are the next of their lane.
    void put_back(lane_ptr const& from, flight& unsent)
    {
        ledger_.call_off(unsent);
        from->queue.put_back(unsent.batch);
    }

    /// A courier has nothing more to do; `boarded`: it had a batch.
    void returned(lane_ptr const& one, bool boarded)
    {
        --one->couriers;
        if (!boarded) { // otherwise these are of the one behind it
            one->boarding = false;
            one->waiting.clear();
        }
        if (!one->queue.empty())
            call_courier(one);
        if (one->couriers == 0 && one->queue.empty())
            lanes_.erase(lane_key(one->topic, one->partition));
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

    producer_statistics statistics() const
    {
        producer_statistics out = ledger_.figures();
        out.waiting = waiting_.size();
        return out;
    }

private:
    /// Far beyond use, far from overflow.
    static constexpr milliseconds longest = std::chrono::hours(24 * 365);
    /// The most that the service is left alone for because it says so.
    static constexpr milliseconds longest_pause = std::chrono::hours(1);
    static constexpr std::size_t known_topics = 1'000;

    using lane_key = std::pair<std::string_view, std::optional<std::int32_t>>; ///< The lane's own topic.

    class topic_entry
    {
    public:
        topic_entry() = default;

        partition_choice choice;
        pending_list unplaced;
        bool asking = false;
        bool doubtful = false; ///< The service has refused records of it.
        send_time asked_at;
    };

    /// Takes in what there is room for, in its order.
    void admit(send_time now)
    {
        while (!waiting_.empty()) {
            pending_send& one = *waiting_.front();
            if (!ledger_.fits(one.bytes))
                return;
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
        auto const found = topics_.find(one.topic);
        if (found == topics_.end() && topics_.size() >= known_topics)
            std::erase_if(topics_, [](auto const& known) {
                return known.second.unplaced.empty() && !known.second.asking;
            });
        bool const first = found == topics_.end() || found->second.unplaced.empty();
        if (one.content.partition() && first)
            return enqueue(waiting_);
        topic_entry& topic = topics_[one.topic];
        bool const old =
            topic.doubtful || now - topic.asked_at >= std::min(options_.refresh_partitions(), longest);
        if (!topic.asking && (old || !topic.choice.known())) {
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
        to->queue.add(from);
        if (to->queue.full(limits_))
            hurry(*to);
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

    /// Of the request that carries these.
    static std::size_t body_of(pending_list const& batch)
    {
        std::size_t bytes = 0;
        for (pending_ptr const& one : batch)
            bytes += one->bytes;
        return body_size(batch.size(), bytes);
    }

    /// Whether that may be because a topic that was made anew has fewer partitions.
    static bool refuses(error const& failure) noexcept
    {
        int const status = failure.info().http_status;
        return status == 400 || status == 404 || status == 422 || status == 500;
    }

    producer_options const options_;
    send_effects effects_;
    send_ledger ledger_;
    body_limit largest_;
    batch_limits limits_;
    random_source random_;
    pending_list waiting_;
    std::map<std::string, topic_entry, std::less<>> topics_;
    std::map<lane_key, lane_ptr> lanes_;
    send_time not_before_; ///< The service wants to be left alone until then.
};

} // namespace hdikafka::inline v0_1::detail

#endif
