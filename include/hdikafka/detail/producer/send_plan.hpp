// What a producer does with its records, from send() to answer: a pure decision.
//
// A record waits for room, then, if somebody else than the service places it, for the number of its topic's
// partitions, then in its lane for the next request. A lane is a partition, or a topic whose records the
// service places; it has a few requests under way at a time, each with a courier: whoever carries it out
// waits for the lane's linger, takes a batch, sends it, and lands it here. A batch of which nothing was
// written goes back to its place in the lane, where its records wait until their deadlines.
#ifndef HDIKAFKA_DETAIL_PRODUCER_SEND_PLAN_HPP
#define HDIKAFKA_DETAIL_PRODUCER_SEND_PLAN_HPP

#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/detail/producer/send_queues.hpp>
#include <hdikafka/detail/producer/topic_entry.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Belongs to the lock of its producer. What is given to it has been checked. What happens is told to it by
/// one function or several, which is a turn; what is to be done because of that is in effects().
class send_plan : public send_queues
{
public:
    /// By `policy` batches and questions are tried again that did not reach the service.
    explicit send_plan(producer_options options, std::uint64_t seed = 0, retry_policy policy = retry_policy())
        : send_queues(std::move(options), seed, std::move(policy))
    {}

    /// A courier leaves with a batch, `out`.
    void board(lane_ptr const& one, flight& out, send_time now)
    {
        out.batch = one->queue.take(limits_);
        out.ticket = pace_.begins(now);
        ledger_.depart(out, now);
        one->boarding = false;
        one->waiting.clear();
        if (one->partition && one->queue.empty())
            if (topic_entry* const topic = topics_.find(one->topic))
                topic->choice.emptied(*one->partition, random_);
        if (!one->queue.empty())
            call_courier(one);
    }

    /// From now on what is written of the batch may be carried out. False when none of it is left to send.
    bool departs(flight& one, send_time now)
    {
        sweep(one, now);
        one.written = !one.batch.empty();
        return one.written;
    }

    /// `later` becomes the later half of a batch that the service found too large and has not written; it is
    /// sent after the other.
    void halve(flight& whole, flight& later)
    {
        std::size_t const size = body_of(whole.batch);
        // Not the size of either half: a batch of a small and a large record says nothing of small batches.
        std::size_t const bytes = size - body_size(whole.batch.size(), 0);
        largest_.refused(size, body_size(whole.batch.size() / 2, bytes / 2));
        limits_.bytes = largest_.value();
        auto const middle =
            std::next(whole.batch.begin(), static_cast<std::ptrdiff_t>(whole.batch.size() / 2));
        later.left = whole.left;
        later.batch.splice(later.batch.end(), whole.batch, middle, whole.batch.end());
        later.ticket = whole.ticket;
        later.called_back = whole.called_back;
        whole.written = false;
        ledger_.split(later);
        reached();
        for (auto const& [key, one] : lanes_)
            if (one->queue.full(limits_)) // by the new limit
                hurry(*one);
    }

    /// What became of a batch. The receipt, if there is one, has an outcome for each record. False when it
    /// was put back, to be sent again: then `share`, in [0, 1), is how much of the rest before that is to be
    /// taken.
    bool land(flight& done, result<receipt> const& answer, send_time now, double share = 1)
    {
        if (!answer)
            sweep(done, now);
        if (!answer && comes_back(answer.error()))
            return !try_later(done, answer.error(), now, share);
        bool const is_news = answer || answer.error().info().http_status != 0 ||
                             answer.error().info().persisted() != persistence::none;
        if (is_news)
            reached();
        else
            abandoned(done.ticket);
        ledger_.arrive(done, now);
        if (answer) {
            largest_.taken(body_of(done.batch));
            limits_.bytes = largest_.value();
        } else {
            pace_.heed(answer.error(), now);
        }
        if (!done.batch.empty() && (answer ? answer.value().has_error() : refuses(answer.error())))
            if (topic_entry* const topic = topics_.find(done.batch.front()->topic))
                topic->doubtful = true;
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
        make_room(now);
        return true;
    }

    /// A batch has not been sent after all: its records have their places in the lane again.
    void put_back(lane& from, flight& unsent, send_time now)
    {
        sweep(unsent, now);
        abandoned(unsent.ticket);
        ledger_.call_off(unsent);
        from.queue.put_back(unsent.batch);
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

private:
    /// Puts a batch back of which nothing was written, but for records with no time left when it may be tried
    /// again. Whether there are others.
    bool try_later(flight& tried, error const& why, send_time now, double share)
    {
        bool const told = pace_.heed(why, now);
        not_reached(tried.ticket, why, now, share);
        if (told)
            ledger_.fail_late(tried.batch, pace_.opens(), why);
        expire(tried.batch, now);
        bool const left = !tried.batch.empty();
        if (left) {
            lane& from = *tried.batch.front()->in;
            ledger_.count_retry(tried);
            ledger_.call_off(tried);
            from.queue.put_back(tried.batch);
        } else {
            ledger_.arrive(tried, now);
        }
        make_room(now);
        return left;
    }

    /// Those of a batch that were called back leave it.
    void sweep(flight& one, send_time now)
    {
        if (!std::exchange(one.called_back, false))
            return;
        for (auto at = one.batch.begin(); at != one.batch.end();)
            if (pending_send& record = **at++; record.called_back)
                ledger_.answer(one.batch, record, persistence::none);
        make_room(now);
    }

    /// Whether that may be because a topic that was made anew has fewer partitions.
    static bool refuses(error const& failure) noexcept
    {
        int const status = failure.info().http_status;
        return status == 400 || status == 404 || status == 422 || status == 500;
    }
};

} // namespace hdikafka::inline v0_1::detail

#endif
