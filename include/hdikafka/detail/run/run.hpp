// Between Asio's coroutines and an operation's: a caller that awaits an operation, and an awaitable of the
// program's own, or as foreign, within one.
#ifndef HDIKAFKA_DETAIL_RUN_RUN_HPP
#define HDIKAFKA_DETAIL_RUN_RUN_HPP

#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/result.hpp>

#include <atomic>
#include <exception>
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

/// Runs `op` with `work`, which belongs to the awaiting coroutine and has the outcome afterwards.
template <class = void>
net::awaitable<void> run_operation(operation_ptr op, task& work)
{
    op->runs(work);
    // When the caller's coroutine is suspended.
    auto start = [op = std::move(op)](auto handler) {
        op->start(std::make_unique<caller<decltype(handler)>>(op, std::move(handler)));
    };
    return net::async_initiate<net::use_awaitable_t<> const, void()>(std::move(start), net::use_awaitable);
}

/// A program's function under way, on a strand of its own.
template <class T>
class function_run
{
public:
    net::cancellation_signal stop;
    std::atomic<bool> finished = false; ///< What follows may be looked at.
    std::exception_ptr failure;
    T made;
};

/// Runs `work`, which is a program's own or as foreign, and its outcome goes into `made`; what it throws is
/// thrown. `owner` is kept until the work has ended: a coroutine may live in its captures. `doing` is for the
/// error when the wait for it is cut short.
template <class T>
task run_awaitable(operation_ptr op, std::shared_ptr<void const> owner, net::awaitable<T> work, T& made,
                   char const* doing = "waiting for the program's callback")
{
    op->end_phase(); // of what was done before: only the operation's own end may end the wait
    // Spawned, so that the function runs with Asio's usual cancellation, and can be left behind when
    // it does not heed it.
    auto const strand = net::make_strand(op->executor());
    auto const under_way = std::make_shared<function_run<T>>();
    net::co_spawn(strand, std::move(work),
                  net::bind_cancellation_slot(under_way->stop.slot(),
                                              [op, under_way, owner](std::exception_ptr failure, T outcome) {
                                                  under_way->failure = std::move(failure);
                                                  under_way->made = std::move(outcome);
                                                  under_way->finished = true;
                                                  op->wake();
                                              }));
    while (!under_way->finished && !op->stopped())
        co_await op->park();
    if (!under_way->finished) {
        net::post(strand, [under_way] { under_way->stop.emit(net::cancellation_type::terminal); });
        co_return op->interruption(doing);
    }
    if (under_way->failure)
        std::rethrow_exception(under_way->failure);
    made = std::move(under_way->made);
    co_return result<void>();
}

} // namespace hdikafka::inline v0_1::detail

#endif
