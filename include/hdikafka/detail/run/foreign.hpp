// An awaitable of the program's own, or as foreign, within an operation.
#ifndef HDIKAFKA_DETAIL_RUN_FOREIGN_HPP
#define HDIKAFKA_DETAIL_RUN_FOREIGN_HPP

#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/result.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <utility>

namespace hdikafka::inline v0_1::detail {

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
