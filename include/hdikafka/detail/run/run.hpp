// Between the caller's coroutine and the operation's.
#ifndef HDIKAFKA_DETAIL_RUN_RUN_HPP
#define HDIKAFKA_DETAIL_RUN_RUN_HPP

#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>

#include <memory>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Resumes the caller on its own executor, which is kept from running out of work until then. The
/// caller's cancellation is handed over to the operation, which may be at work on another thread.
template <class Handler>
class caller final : public completion
{
public:
    caller(operation_ptr const& op, Handler handler)
        : slot_(net::get_associated_cancellation_slot(handler)),
          work_(net::get_associated_executor(handler, op->executor())),
          handler_(std::move(handler)),
          at_home_(work_.get_executor() == op->executor())
    {
        if (slot_.is_connected())
            slot_.assign([weak = std::weak_ptr(op)](net::cancellation_type type) {
                auto const running = weak.lock();
                if (running && (type & net::cancellation_type::terminal) != net::cancellation_type::none)
                    running->cancel();
            });
    }

    void complete(bool at_once) override
    {
        auto resume = [slot = slot_, handler = std::move(handler_)]() mutable {
            if (slot.is_connected())
                slot.clear();
            std::move(handler)();
        };
        // Never from within the function that started the operation: a loop of calls would become a
        // recursion.
        if (at_once)
            net::post(work_.get_executor(), std::move(resume));
        else if (at_home_)
            resume();
        else
            net::dispatch(work_.get_executor(), std::move(resume));
    }

private:
    net::cancellation_slot slot_;
    net::executor_work_guard<net::any_io_executor> work_;
    Handler handler_;
    bool at_home_; ///< The caller's executor is the operation's, so that resuming it is a call.
};

/// Starts the operation when the caller's coroutine is suspended.
template <class = void>
class start_operation
{
public:
    explicit start_operation(operation_ptr op) : op_(std::move(op)) {}

    template <class Handler>
    void operator()(Handler handler) const
    {
        op_->start(std::make_unique<caller<Handler>>(op_, std::move(handler)));
    }

private:
    operation_ptr op_;
};

/// Runs `op` with `work`, which belongs to the awaiting coroutine and has the outcome afterwards.
template <class = void>
net::awaitable<void> run_operation(operation_ptr op, task& work)
{
    op->runs(work);
    return net::async_initiate<net::use_awaitable_t<> const, void()>(start_operation<>(std::move(op)),
                                                                     net::use_awaitable);
}

} // namespace hdikafka::inline v0_1::detail

#endif
