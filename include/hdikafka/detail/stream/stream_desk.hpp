// What a stream's readers share: its budget of bytes, how large its records are, and whether anybody waits.
#ifndef HDIKAFKA_DETAIL_STREAM_STREAM_DESK_HPP
#define HDIKAFKA_DETAIL_STREAM_STREAM_DESK_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/stream/byte_budget.hpp>
#include <hdikafka/detail/stream/read_size.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class stream_desk;
using desk_ptr = std::shared_ptr<stream_desk<>>;

/// A part of the stream's budget: of a read under way, then of its answer. It is given back with the last who
/// keeps it.
template <class Lazy = void>
class allowance
{
public:
    allowance() = default;
    allowance(std::shared_ptr<stream_desk<Lazy>> desk, std::size_t bytes) noexcept
        : desk_(std::move(desk)), bytes_(bytes)
    {}
    allowance(allowance&& other) noexcept
        : desk_(std::move(other.desk_)), bytes_(other.bytes_), settled_(other.settled_)
    {}
    allowance& operator=(allowance other) noexcept
    {
        std::swap(desk_, other.desk_);
        std::swap(bytes_, other.bytes_);
        std::swap(settled_, other.settled_);
        return *this;
    }
    ~allowance() { give_back(); }

    std::size_t bytes() const noexcept { return bytes_; }

    /// The read has ended, and that is what is kept of it.
    void settle(std::size_t held) noexcept
    {
        if (!desk_ || std::exchange(settled_, true))
            return;
        desk_->arrived(bytes_, held);
        bytes_ = held;
    }

    void give_back() noexcept
    {
        settle(0);
        if (desk_ && bytes_ != 0)
            desk_->given_back(bytes_);
        desk_.reset();
    }

private:
    std::shared_ptr<stream_desk<Lazy>> desk_;
    std::size_t bytes_ = 0;
    bool settled_ = false;
};

/// Thread-safe. Its lock is the innermost of a stream's.
template <class>
class stream_desk : public std::enable_shared_from_this<stream_desk<>>
{
public:
    stream_desk(consume_options const& options, std::size_t body_limit)
        : sizes_(answer_bounds(options.buffer_bytes(), body_limit,
                               options.parallelism() + options.read_ahead())),
          budget_(options.buffer_bytes())
    {}

    answer_bounds const& bounds() const noexcept { return sizes_; }

    /// Somebody waits for records. False when another one does.
    bool open(operation<>& op)
    {
        std::lock_guard const lock(mutex_);
        if (waiting_)
            return false;
        waiting_ = &op;
        return true;
    }

    void leave() noexcept
    {
        std::lock_guard const lock(mutex_);
        waiting_ = nullptr;
    }

    /// Whether somebody waits for records: only then is anything begun that has no end of its own.
    bool is_open() const
    {
        std::lock_guard const lock(mutex_);
        return waiting_ != nullptr;
    }

    /// Tells who waits that something has changed.
    void ring() noexcept
    {
        std::lock_guard const lock(mutex_);
        tell();
    }

    /// Ends the wait.
    void close() noexcept
    {
        std::lock_guard const lock(mutex_);
        if (waiting_)
            waiting_->close();
    }

    /// How many bytes a record takes, as far as is known of the whole stream.
    double bytes_each() const
    {
        std::lock_guard const lock(mutex_);
        return all_sizes_.each();
    }

    void seen(std::size_t records, std::size_t bytes)
    {
        std::lock_guard const lock(mutex_);
        all_sizes_.seen(records, bytes);
    }

    /// For a read of at most `bytes`; see byte_budget::admit().
    std::optional<allowance<>> admit(std::int32_t who, std::size_t bytes, bool needed)
    {
        std::lock_guard const lock(mutex_);
        if (!budget_.admit(who, bytes, needed))
            return std::nullopt;
        return allowance<>(this->shared_from_this(), bytes);
    }

    void arrived(std::size_t reserved, std::size_t held) noexcept
    {
        std::lock_guard const lock(mutex_);
        budget_.arrived(reserved, held);
        room_made();
    }

    void given_back(std::size_t bytes) noexcept
    {
        std::lock_guard const lock(mutex_);
        budget_.given_back(bytes);
        room_made();
    }

    void leave_line(std::int32_t who)
    {
        std::lock_guard const lock(mutex_);
        budget_.leave(who);
        room_made();
    }

    std::optional<std::int32_t> next_in_line() const
    {
        std::lock_guard const lock(mutex_);
        return budget_.next_in_line();
    }

    bool favour()
    {
        std::lock_guard const lock(mutex_);
        return budget_.favour();
    }

    /// Held by the stream, or reserved.
    std::size_t used() const
    {
        std::lock_guard const lock(mutex_);
        return budget_.used();
    }

private:
    void room_made() noexcept
    {
        if (budget_.anybody_waits())
            tell();
    }

    /// With the lock, for until it is released the operation is there, and so is its context.
    void tell() noexcept
    {
        if (waiting_)
            waiting_->wake();
    }

    answer_bounds const sizes_;
    mutable std::mutex mutex_;
    operation<>* waiting_ = nullptr;
    byte_budget budget_;
    read_size all_sizes_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
