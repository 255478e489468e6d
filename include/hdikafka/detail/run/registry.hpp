// The calls in flight of one client, so that close() can end them.
#ifndef HDIKAFKA_DETAIL_RUN_REGISTRY_HPP
#define HDIKAFKA_DETAIL_RUN_REGISTRY_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/run/operation.hpp>

#include <memory>
#include <mutex>

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

} // namespace hdikafka::inline v0_1::detail

#endif
