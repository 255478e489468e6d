// The calls in flight of one client, so that close() can end them.
#ifndef HDIKAFKA_DETAIL_RUN_REGISTRY_HPP
#define HDIKAFKA_DETAIL_RUN_REGISTRY_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/run/operation.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Thread-safe.
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

/// Keeps an operation in the registry for as long as this lives.
template <class = void>
class registration
{
public:
    registration(registry_ptr registry, operation_ptr op)
        : registry_(std::move(registry)), op_(std::move(op)), added_(registry_->add(*op_))
    {}
    registration(registration const&) = delete;
    registration& operator=(registration const&) = delete;
    ~registration()
    {
        if (added_)
            registry_->remove(*op_);
    }

    /// False: the registry was closed.
    bool added() const noexcept { return added_; }

private:
    registry_ptr registry_;
    operation_ptr op_;
    bool added_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
