// Timers that are lent to calls.
#ifndef HDIKAFKA_DETAIL_RUN_TIMER_SHELF_HPP
#define HDIKAFKA_DETAIL_RUN_TIMER_SHELF_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/run/asio_io.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class spare_timer : public list_link
{
public:
    explicit spare_timer(net::any_io_executor const& executor) : timer(executor) {}

    net::steady_timer timer;
};

using timer_ptr = std::unique_ptr<spare_timer<>>;

/// An executor's timers that no operation uses at the moment: to make one and to destroy it costs a good part
/// of a small request. Thread-safe.
template <class = void>
class timer_shelf
{
public:
    explicit timer_shelf(net::any_io_executor executor) : executor_(std::move(executor)) {}
    ~timer_shelf()
    {
        while (!spare_.empty())
            timer_ptr(&spare_.pop_back()).reset();
    }

    net::any_io_executor const& executor() const noexcept { return executor_; }

    timer_ptr take()
    {
        {
            std::lock_guard const lock(mutex_);
            if (!spare_.empty()) {
                --count_;
                return timer_ptr(&spare_.pop_back());
            }
        }
        return std::make_unique<spare_timer<>>(executor_);
    }

    void give_back(timer_ptr timer) noexcept
    {
        constexpr std::size_t most = 64;
        std::lock_guard const lock(mutex_);
        if (count_ == most)
            return;
        ++count_;
        spare_.push_back(*timer.release());
    }

private:
    net::any_io_executor const executor_;
    std::mutex mutex_;
    linked_list<spare_timer<>> spare_;
    std::size_t count_ = 0;
};

using shelf_ptr = std::shared_ptr<timer_shelf<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
