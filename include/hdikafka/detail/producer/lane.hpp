// A producer's lane: how records that are sent one by one become batches. A pure decision.
#ifndef HDIKAFKA_DETAIL_PRODUCER_LANE_HPP
#define HDIKAFKA_DETAIL_PRODUCER_LANE_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

class lane;
class flight;

/// A record goes from list to list on its way, its node with it: nothing is copied and nothing allocated.
using pending_list = std::list<pending_ptr>;
using send_time = std::chrono::steady_clock::time_point;

/// Somebody to be woken. Who that is only those know who carry out what the plan wants.
using waiter_ptr = std::shared_ptr<void>;

/// A record from its send() to its answer. All of it belongs to the lock of its producer, but for `content`
/// in flight, which nobody changes, and for `waiter` once it is answered, which is whoever's who wakes him.
class pending_send
{
public:
    enum class stage : unsigned char
    {
        waiting,  ///< For room.
        unplaced, ///< Until the number of its topic's partitions is known.
        queued,   ///< In its lane.
        flying,   ///< In a request that is made ready, or under way.
        answered,
    };

    pending_send(std::string to, record one, std::size_t size)
        : topic(std::move(to)), content(std::move(one)), bytes(size)
    {}
    pending_send(pending_send const&) = delete;
    pending_send& operator=(pending_send const&) = delete;

    std::string const topic;
    record content;
    std::size_t const bytes; ///< Of the record in a request's body, at most.
    stage where = stage::waiting;
    pending_list::iterator node;      ///< In whichever list it is.
    lane* in = nullptr;               ///< Once it is queued.
    flight* on = nullptr;             ///< While it flies.
    std::uint64_t generation = 0;     ///< How many flushes came before it.
    std::uint64_t rank = 0;           ///< In the order of all sends.
    send_time since;                  ///< When it was sent.
    send_time due = send_time::max(); ///< It is answered at that time, if its batch has not left.
    bool called_back = false;         ///< It is to leave its flight before that goes out.
    waiter_ptr waiter;                ///< For the outcome.

    record_outcome outcome;       ///< When there was a receipt.
    std::optional<error> failure; ///< Why there was none.
};

/// What a lane may put into one request.
class batch_limits
{
public:
    std::size_t records = 1;
    std::size_t bytes = 0; ///< Of the body.
    std::chrono::milliseconds linger{0};
};

/// How large a service lets bodies be, which it tells by refusing one (413). Goes down by halves, never below
/// what was taken, and up again when nothing was refused for long: a refusal may have been about one record,
/// or one topic.
class body_limit
{
public:
    /// Below it a refusal is taken for one of the records, not of the batch.
    static constexpr std::size_t least = 1'000;

    explicit body_limit(std::size_t most) noexcept : most_(most), value_(most) {}

    /// Of bodies to come.
    std::size_t value() const noexcept { return value_; }

    /// A body of `size` bytes was too large, and goes in halves of about `half`.
    void refused(std::size_t size, std::size_t half) noexcept
    {
        if (size <= taken_)
            taken_ = 0; // not what it was any more
        value_ = std::min(value_, std::max({half, taken_, least}));
        in_a_row_ = 0;
    }

    /// A body of that size was not.
    void taken(std::size_t size) noexcept
    {
        taken_ = std::max(taken_, size);
        if (value_ == most_ || size < value_ / 2)
            return;
        constexpr int many = 100;
        if (++in_a_row_ < many)
            return;
        in_a_row_ = 0;
        value_ = std::min(most_, 2 * value_);
    }

private:
    std::size_t most_;
    std::size_t value_;
    std::size_t taken_ = 0; ///< The largest.
    int in_a_row_ = 0;      ///< About as large as allowed, without a refusal.
};

/// The records that wait for their lane's next request, in the order they were sent in.
class batcher
{
public:
    bool empty() const noexcept { return list_.empty(); }
    std::size_t size() const noexcept { return list_.size(); }

    /// Takes the record from the front of another list.
    void add(pending_list& from)
    {
        bytes_ += from.front()->bytes;
        list_.splice(list_.end(), from, from.begin());
    }

    /// Each goes to its place in the order of sends again: usually before all others.
    void put_back(pending_list& earlier)
    {
        for (pending_ptr const& one : earlier)
            bytes_ += one->bytes;
        list_.merge(earlier, [](pending_ptr const& a, pending_ptr const& b) { return a->rank < b->rank; });
    }

    /// Those whose time is over.
    pending_list overdue(send_time now)
    {
        pending_list out;
        for (auto at = list_.begin(); at != list_.end();) {
            auto const one = at++;
            if (now < (*one)->due)
                continue;
            bytes_ -= (*one)->bytes;
            out.splice(out.end(), list_, one);
        }
        return out;
    }

    /// That one alone.
    pending_list remove(pending_send& one)
    {
        bytes_ -= one.bytes;
        pending_list out;
        out.splice(out.end(), list_, one.node);
        return out;
    }

    /// Whether the next request would be as large as allowed.
    bool full(batch_limits const& limits) const noexcept
    {
        return list_.size() >= limits.records || body_size(list_.size(), bytes_) >= limits.bytes;
    }

    /// When the next request is to leave; nullopt when there is nothing to send. Records of the generation
    /// `hurried` and earlier ones do not linger, and none does when others wait for room (`crowded`).
    std::optional<send_time> due(batch_limits const& limits, std::optional<std::uint64_t> hurried,
                                 bool crowded = false) const
    {
        if (list_.empty())
            return std::nullopt;
        pending_send const& first = *list_.front();
        bool const at_once = crowded || full(limits) || (hurried && first.generation <= *hurried);
        return at_once ? first.since : first.since + limits.linger;
    }

    /// The records of one request: at least one, if there is any.
    pending_list take(batch_limits const& limits)
    {
        std::size_t count = 0;
        std::size_t bytes = 0;
        auto end = list_.begin();
        for (; end != list_.end(); ++end) {
            std::size_t const more = bytes + (*end)->bytes;
            if (count != 0 && (count == limits.records || body_size(count + 1, more) > limits.bytes))
                break;
            ++count;
            bytes = more;
        }
        bytes_ -= bytes;
        pending_list out;
        out.splice(out.end(), list_, list_.begin(), end);
        return out;
    }

    pending_list take_all() noexcept
    {
        bytes_ = 0;
        return std::exchange(list_, pending_list());
    }

private:
    pending_list list_;
    std::size_t bytes_ = 0;
};

/// A partition, or a topic whose records the service places.
class lane
{
public:
    lane(std::string to, std::optional<std::int32_t> where) : topic(std::move(to)), partition(where) {}

    std::string const topic;
    std::optional<std::int32_t> const partition;
    batcher queue;
    std::size_t couriers = 0;      ///< With a batch, or waiting for one.
    bool boarding = false;         ///< One of them has none yet.
    std::list<waiter_ptr> waiting; ///< That one, while it waits: in a list, to be handed on without fail.
};

using lane_ptr = std::shared_ptr<lane>;

/// A batch on its way. It stays where it is: its records point to it.
class flight
{
public:
    flight() = default;
    flight(flight const&) = delete;
    flight& operator=(flight const&) = delete;

    pending_list batch;
    send_time left;
    std::size_t retries = 0;  ///< So far.
    std::uint64_t ticket = 0; ///< See service_pace.
    bool written = false;     ///< What is written of its request may be carried out.
    bool called_back = false; ///< Some of its records are.
};

/// Of the request that carries these.
inline std::size_t body_of(pending_list const& batch)
{
    std::size_t bytes = 0;
    for (pending_ptr const& one : batch)
        bytes += one->bytes;
    return body_size(batch.size(), bytes);
}

} // namespace hdikafka::inline v0_1::detail

#endif
