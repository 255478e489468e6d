// Operations that wait for what somebody else gives them, in the order in which they came.
#ifndef HDIKAFKA_DETAIL_RUN_WAITERS_HPP
#define HDIKAFKA_DETAIL_RUN_WAITERS_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/run/context_end.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/result.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Who is given nothing but the word that the wait is over.
class nothing
{};

/// All but the places is called with the lock held, which is mostly that of what is waited for: who looks,
/// finds nothing and joins cannot miss the answer then.
template <class Grant = nothing>
class waiters
{
public:
    explicit waiters(std::mutex& lock) noexcept : mutex_(lock) {}

    /// Somebody who waits, on the frame of his coroutine. It leaves the queue with that, also because its
    /// executor's context is destroyed: the queue may outlive contexts and must not touch one that is gone.
    /// What was granted and not taken dies with the place, without the lock.
    class place : public list_link
    {
    public:
        /// `queue` is a part of `owner`, which is kept. `op` is the operation of that coroutine.
        template <class Owner>
        place(std::shared_ptr<Owner> const& owner, waiters& queue, operation<>& op) noexcept
            : queue_(owner, &queue), op_(op)
        {}
        ~place()
        {
            std::lock_guard const lock(queue_->mutex_);
            if (this->linked())
                queue_->line_.remove(*this);
        }

        /// False when it was answered, or never joined.
        bool waits() const
        {
            std::lock_guard const lock(queue_->mutex_);
            return this->linked();
        }

        /// Waits for an answer; fails, when there is none, with the operation's interruption, and keeps its
        /// place for one who comes too late. `doing` is for the error.
        task wait(std::string doing)
        {
            while (waits()) {
                bool const going_on = co_await op_.park();
                if (!going_on && waits())
                    co_return op_.interruption(doing);
            }
            co_return result<void>();
        }

        /// What was granted, once; a Grant() when nothing was.
        Grant take()
        {
            std::lock_guard const lock(queue_->mutex_);
            return std::exchange(grant_, Grant());
        }

    private:
        friend class waiters;

        std::shared_ptr<waiters> const queue_;
        operation<>& op_;
        Grant grant_ = Grant();
    };

    bool empty() const noexcept { return line_.empty(); }

    /// Only when there is one.
    place& front() const noexcept { return line_.front(); }

    /// Takes the last place.
    void join(place& one) noexcept { line_.push_back(one); }

    /// Lets go one who waits, or one who has not joined and need not.
    void answer(place& one, Grant grant = Grant()) noexcept
    {
        one.grant_ = std::move(grant);
        if (!one.linked())
            return;
        line_.remove(one);
        one.op_.wake(); // with the lock, for until it is released the place is there, and so is its context
    }

    void answer_all(Grant const& grant = Grant())
    {
        while (!line_.empty())
            answer(line_.front(), grant);
    }

    /// Forgets those whose executor's context is `gone`: nobody may wake them any more.
    void forget(net::execution_context const& gone) noexcept
    {
        place* one = line_.empty() ? nullptr : &line_.front();
        while (one) {
            place* const next = line_.after(*one);
            if (&context_of(one->op_.executor()) == &gone)
                line_.remove(*one);
            one = next;
        }
    }

private:
    std::mutex& mutex_;
    linked_list<place> line_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
