// The single records that a stream's plan wants to see, read at the same time.
#ifndef HDIKAFKA_DETAIL_STREAM_SEEK_ROUND_HPP
#define HDIKAFKA_DETAIL_STREAM_SEEK_ROUND_HPP

#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Shared by the reads, each an operation of its own, and the one who waits for them. Thread-safe.
template <class = void>
class seek_round
{
public:
    class seek
    {
    public:
        std::int64_t offset = 0;
        std::optional<result<record_batch>> outcome; ///< Once it has one.
        std::weak_ptr<operation<>> reader;
    };

    seek_round(operation_ptr const& waiting, std::vector<std::int64_t> const& offsets)
        : waiting_(waiting), seeks_(offsets.size())
    {
        for (std::size_t i = 0; i != offsets.size(); ++i)
            seeks_[i].offset = offsets[i];
    }

    std::size_t size() const noexcept { return seeks_.size(); }
    std::int64_t offset(std::size_t which) const noexcept { return seeks_[which].offset; }

    void made_by(std::size_t which, operation_ptr const& op)
    {
        std::lock_guard const lock(mutex_);
        seeks_[which].reader = op;
    }

    void landed(std::size_t which, result<record_batch> outcome)
    {
        {
            std::lock_guard const lock(mutex_);
            seeks_[which].outcome = std::move(outcome);
        }
        if (auto const waiting = waiting_.lock())
            waiting->wake();
    }

    /// Those that have landed, once all have; the first one that failed, alone, as soon as there is one.
    std::vector<seek> take()
    {
        std::lock_guard const lock(mutex_);
        bool complete = true;
        for (seek const& one : seeks_) {
            if (one.outcome && !*one.outcome)
                return {one};
            complete = complete && one.outcome;
        }
        return complete ? std::move(seeks_) : std::vector<seek>();
    }

    /// Ends what is still under way.
    void give_up()
    {
        std::vector<operation_ptr> under_way;
        {
            std::lock_guard const lock(mutex_);
            for (seek const& one : seeks_)
                if (auto reader = one.reader.lock(); reader && !one.outcome)
                    under_way.push_back(std::move(reader));
        }
        for (operation_ptr const& one : under_way)
            one->close();
    }

private:
    std::mutex mutex_;
    std::weak_ptr<operation<>> const waiting_;
    std::vector<seek> seeks_;
};

using seek_round_ptr = std::shared_ptr<seek_round<>>;

/// One read of a round; it lands also when its coroutine is destroyed half-way.
template <class = void>
class seek_under_way
{
public:
    seek_under_way(seek_round_ptr round, std::size_t which) : round_(std::move(round)), which_(which) {}
    seek_under_way(seek_under_way const&) = delete;
    seek_under_way& operator=(seek_under_way const&) = delete;
    ~seek_under_way() { round_->landed(which_, std::move(outcome)); }

    result<record_batch> outcome = error(errc::closed);

private:
    seek_round_ptr round_;
    std::size_t which_;
};

/// Whoever waits for a round takes its reads along.
template <class = void>
class seek_wait
{
public:
    explicit seek_wait(seek_round_ptr round) : round_(std::move(round)) {}
    seek_wait(seek_wait const&) = delete;
    seek_wait& operator=(seek_wait const&) = delete;
    ~seek_wait() { round_->give_up(); }

private:
    seek_round_ptr round_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
