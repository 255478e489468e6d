// How records that are sent one by one become batches: a pure decision.
#ifndef HDIKAFKA_DETAIL_PRODUCER_BATCHER_HPP
#define HDIKAFKA_DETAIL_PRODUCER_BATCHER_HPP

#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>

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
class pending_send;

/// A record goes from list to list on its way, its node with it: nothing is copied and nothing allocated.
using pending_list = std::list<std::shared_ptr<pending_send>>;
using send_time = std::chrono::steady_clock::time_point;

/// A record from its send() to its answer. All of it belongs to the lock of its producer, but for `content`
/// in flight, which nobody changes.
class pending_send
{
public:
    enum class stage : unsigned char
    {
        waiting,  ///< For room.
        unplaced, ///< Until the number of its topic's partitions is known.
        queued,   ///< In its lane.
        flying,   ///< In a request that is under way.
        answered,
    };

    pending_send(std::string to, record one, std::size_t size)
        : topic(std::move(to)), content(std::move(one)), bytes(size)
    {}
    pending_send(pending_send const&) = delete;
    pending_send& operator=(pending_send const&) = delete;
    virtual ~pending_send() = default;

    /// Called once, when the outcome is there.
    virtual void answered() {}

    std::string const topic;
    record content;
    std::size_t const bytes; ///< Of the record in a request's body, at most.
    stage where = stage::waiting;
    pending_list::iterator node;  ///< In whichever list it is.
    lane* in = nullptr;           ///< Once it is queued.
    std::uint64_t generation = 0; ///< How many flushes came before it.
    send_time since;              ///< When it was sent.

    record_outcome outcome;       ///< When there was a receipt.
    std::optional<error> failure; ///< Why there was none.
};

using pending_ptr = std::shared_ptr<pending_send>;

/// What a lane may put into one request.
class batch_limits
{
public:
    std::size_t records = 1;
    std::size_t bytes = 0; ///< Of the body.
    std::chrono::milliseconds linger{0};
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

    /// They come before all others.
    void put_back(pending_list& earlier)
    {
        for (std::shared_ptr<pending_send> const& one : earlier)
            bytes_ += one->bytes;
        list_.splice(list_.begin(), earlier);
    }

    void remove(pending_send& one)
    {
        bytes_ -= one.bytes;
        list_.erase(one.node);
    }

    /// Whether the next request would be as large as allowed.
    bool full(batch_limits const& limits) const noexcept
    {
        return list_.size() >= limits.records || body_size(list_.size(), bytes_) >= limits.bytes;
    }

    /// When the next request is to leave; nullopt when there is nothing to send. Records of the generation
    /// `hurried` and earlier ones do not linger.
    std::optional<send_time> due(batch_limits const& limits, std::optional<std::uint64_t> hurried) const
    {
        if (list_.empty())
            return std::nullopt;
        pending_send const& first = *list_.front();
        bool const at_once = full(limits) || (hurried && first.generation <= *hurried);
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

private:
    pending_list list_;
    std::size_t bytes_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
