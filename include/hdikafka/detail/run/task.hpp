// task: a coroutine that is a step of one call.
//
// Users see Asio's awaitable. Between the steps of a call its generality is not needed, and it costs
// instructions at each of them.
//
// About compile time, which is a feature: gcc compiles an inline coroutine, and all that it uses, also
// where nobody calls it, unless it is a template. Hence `template <class = void>` throughout the I/O
// shell: a program that includes the library pays for the operations that it calls. What a user's call
// makes first depends on the parameter (`Lazy`): clang, where a class is named that does not, compiles its
// virtual functions. And each type that Asio, a smart pointer or a container is used with costs some
// hundred functions. Hence one type of task, whose product goes into an object of the caller's; one type
// of handler (see operation); and links in the elements of lists.
#ifndef HDIKAFKA_DETAIL_RUN_TASK_HPP
#define HDIKAFKA_DETAIL_RUN_TASK_HPP

#include <hdikafka/result.hpp>

#include <coroutine>
#include <exception>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Resumes the coroutines of one call one after the other. One that awaits another, or that ends, names
/// its successor here and returns: the stack stays flat, whatever the compiler makes of tail calls.
class task_runner
{
public:
    void next(std::coroutine_handle<> coroutine) noexcept { next_ = coroutine; }

    void run()
    {
        while (next_)
            std::exchange(next_, nullptr).resume();
    }

private:
    std::coroutine_handle<> next_;
};

/// A coroutine that begins when it is awaited, by another task, and gives a result<void>. What it is given
/// by reference belongs to the coroutine that awaits it, which outlives it. Whoever holds the task owns
/// its frame.
class [[nodiscard]] task
{
public:
    class promise_type;
    using frame = std::coroutine_handle<promise_type>;

    /// Names the one that awaits as the next to run.
    class at_end
    {
    public:
        bool await_ready() const noexcept { return false; }
        void await_suspend(frame ended) const noexcept
        {
            ended.promise().runner->next(ended.promise().awaiting);
        }
        void await_resume() const noexcept {}
    };

    class promise_type
    {
    public:
        task get_return_object() noexcept { return task(frame::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        at_end final_suspend() const noexcept { return {}; }
        void return_value(result<void> value) noexcept { outcome = std::move(value); }
        void unhandled_exception() noexcept { failure = std::current_exception(); }

        task_runner* runner = nullptr;
        std::coroutine_handle<> awaiting; ///< Null for the outermost one.
        result<void> outcome;
        std::exception_ptr failure;
    };

    task() = default;
    task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task& operator=(task other) noexcept
    {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~task()
    {
        if (frame_)
            frame_.destroy();
    }

    /// Makes it the outermost task of `runner`, to begin with its next run().
    void begin(task_runner& runner) noexcept
    {
        frame_.promise().runner = &runner;
        runner.next(frame_);
    }

    /// What it came to; throws what it threw. Once, after its end.
    result<void> outcome()
    {
        promise_type& promise = frame_.promise();
        if (promise.failure)
            std::rethrow_exception(std::move(promise.failure));
        return std::move(promise.outcome);
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(frame awaiting) noexcept
    {
        frame_.promise().awaiting = awaiting;
        begin(*awaiting.promise().runner);
    }
    result<void> await_resume() { return outcome(); }

private:
    explicit task(frame coroutine) noexcept : frame_(coroutine) {}

    frame frame_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
