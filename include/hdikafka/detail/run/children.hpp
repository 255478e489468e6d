// Operations that end with somebody: the calls in flight with their client, and work that nobody awaits with
// whoever started it.
#ifndef HDIKAFKA_DETAIL_RUN_CHILDREN_HPP
#define HDIKAFKA_DETAIL_RUN_CHILDREN_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// The calls in flight of one client, so that close() ends them. Thread-safe.
template <class = void>
class operation_registry
{
public:
    /// False once closed.
    bool add(operation<>& op)
    {
        std::lock_guard const lock(mutex_);
        if (!closed_)
            live_.push_back(op);
        return !closed_;
    }

    void remove(operation<>& op) noexcept
    {
        std::lock_guard const lock(mutex_);
        live_.remove(op);
    }

    bool closed() const
    {
        std::lock_guard const lock(mutex_);
        return closed_;
    }

    void close()
    {
        std::lock_guard const lock(mutex_);
        closed_ = true;
        if (live_.empty())
            return;
        for (auto* op = &live_.front(); op != nullptr; op = live_.after(*op))
            op->close();
    }

private:
    mutable std::mutex mutex_;
    linked_list<operation<>> live_;
    bool closed_ = false;
};

using registry_ptr = std::shared_ptr<operation_registry<>>;

template <class = void>
class children;

/// What a child does, and all that it needs for that, until its end: its coroutine may point to it.
template <class Lazy = void>
class child : public completion, public list_link
{
public:
    /// The work, as the operation `op`.
    virtual task run(operation_ptr op) = 0;

    /// Exactly once, as the last: with what run() came to; or with errc::closed when it never began, for the
    /// client is closed, or cannot end, because its executor's context is destroyed: its coroutine is gone
    /// then. No lock is held.
    virtual void ended(result<void> const& outcome) noexcept = 0;

protected:
    child() = default;

    /// Whose turns the work is done in. From start() until ended().
    operation<>& by() const noexcept { return *op_; }

private:
    friend class children<Lazy>;

    /// The children of one parent that are under way.
    class siblings
    {
    public:
        std::mutex mutex;
        linked_list<child> under_way;
    };

    void joins(std::shared_ptr<siblings> all)
    {
        siblings_ = std::move(all);
        std::lock_guard const lock(siblings_->mutex);
        siblings_->under_way.push_back(*this);
    }

    void complete(bool) override
    {
        result<void> outcome;
        try {
            outcome = work_.outcome();
        } catch (error const& thrown) {
            outcome = thrown;
        } catch (std::bad_alloc const&) {
            outcome = error(std::make_error_code(std::errc::not_enough_memory), "no memory is left");
        } catch (std::exception const& thrown) {
            outcome =
                error(errc::invalid_option, std::string("a function of the program threw: ") + thrown.what());
        } catch (...) {
            outcome =
                error(errc::invalid_option, "a function of the program threw what is no std::exception");
        }
        end(outcome);
    }

    void dropped() noexcept override { end(error(errc::closed, "the executor's context was destroyed")); }

    void end(result<void> const& outcome) noexcept
    {
        work_ = task();
        if (siblings_) {
            std::lock_guard const lock(siblings_->mutex);
            siblings_->under_way.remove(*this);
        }
        if (registry_)
            registry_->remove(*op_);
        ended(outcome);
    }

    task work_;
    operation<>* op_ = nullptr; // which owns this
    std::shared_ptr<siblings> siblings_;
    registry_ptr registry_;
};

/// Somebody's children, which his end ends. Thread-safe. A child leaves before ended() is called: one that is
/// under way has an operation whose context is there.
template <class Lazy>
class children
{
public:
    children() = default;
    children(children const&) = delete;
    children& operator=(children const&) = delete;
    ~children() { close(); }

    /// Runs `one` as the operation `op`, which client.close() ends too if there is a `registry`; `later`: not
    /// before the executor has done what it has to do already. It may have ended when this returns, and when
    /// this throws, for want of memory, it has. Call it without a lock that ended() takes.
    void start(operation_ptr const& op, std::unique_ptr<child<Lazy>> one, registry_ptr registry = nullptr,
               bool later = false)
    {
        one->op_ = op.get();
        if (registry && !registry->add(*op))
            return one->end(error(errc::closed, "the client is closed"));
        one->registry_ = std::move(registry);
        try {
            one->work_ = one->run(op);
        } catch (std::bad_alloc const&) {
            one->end(error(std::make_error_code(std::errc::not_enough_memory), "no memory is left"));
            throw;
        }
        op->runs(one->work_);
        one->joins(siblings_);
        op->start(std::move(one), later);
    }

    /// Ends with errc::closed, wherever they wait, those that are under way now.
    void close() noexcept { each(&operation<>::close); }

    /// The same with operation_aborted.
    void cancel() noexcept { each(&operation<>::cancel); }

private:
    void each(void (operation<>::*end)() noexcept) noexcept
    {
        std::lock_guard const lock(siblings_->mutex);
        if (siblings_->under_way.empty())
            return;
        for (auto* one = &siblings_->under_way.front(); one != nullptr;
             one = siblings_->under_way.after(*one))
            (one->op_->*end)();
    }

    std::shared_ptr<typename child<Lazy>::siblings> const siblings_ =
        std::make_shared<typename child<Lazy>::siblings>();
};

} // namespace hdikafka::inline v0_1::detail

#endif
