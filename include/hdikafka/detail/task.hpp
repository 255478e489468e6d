// task<T>: a coroutine that is a step of one call. Layer: I/O shell (no Asio).
//
// Users see Asio's awaitable. Between the steps of one call its generality is not needed, and it costs
// instructions at each step and compile time for each type.
//
// About compile time: gcc compiles an inline coroutine, and whatever it uses, also where nobody calls it,
// unless it is a template. Hence `template <class = void>` in the I/O shell: a program that includes the
// library pays for the operations that it calls.
#ifndef HDIKAFKA_DETAIL_TASK_HPP
#define HDIKAFKA_DETAIL_TASK_HPP

#include <hdikafka/version.hpp>

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

class task_promise
{
public:
    class at_end
    {
    public:
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> ended) const noexcept
        {
            task_promise const& promise = ended.promise();
            promise.runner->next(promise.awaiting);
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    at_end final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { failure = std::current_exception(); }

    task_runner* runner = nullptr;
    std::coroutine_handle<> awaiting; ///< Null for the outermost one.
    std::exception_ptr failure;
};

/// A coroutine that begins when it is awaited, by another task, and gives a T (default-constructible).
/// Whoever holds the task owns its frame.
template <class T>
class [[nodiscard]] task
{
public:
    class promise_type : public task_promise
    {
    public:
        task get_return_object() noexcept
        {
            return task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        void return_value(T result) { value = std::move(result); }

        T value{};
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

    /// What it gave, or threw. Once, after its end.
    T take()
    {
        promise_type& promise = frame_.promise();
        if (promise.failure)
            std::rethrow_exception(std::move(promise.failure));
        return std::move(promise.value);
    }

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> parent) noexcept
    {
        task_promise const& waiting = parent.promise();
        frame_.promise().awaiting = parent;
        begin(*waiting.runner);
    }
    T await_resume() { return take(); }

private:
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
