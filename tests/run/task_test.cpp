// task: a coroutine within a call, and linked_list, which the calls stand in.
#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/run/task.hpp>

#include <doctest/doctest.h>

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

namespace hk = hdikafka;
using hk::detail::task;
using hk::detail::task_runner;

/// What a task waits for in these tests; the test resumes it.
class pause
{
public:
    explicit pause(std::coroutine_handle<>& waiting) : waiting_(waiting) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) const noexcept { waiting_ = coroutine; }
    void await_resume() const noexcept {}

private:
    std::coroutine_handle<>& waiting_;
};

task give(int& out, int value)
{
    out = value;
    co_return hk::result<void>();
}

task refuse() { co_return hk::error(hk::errc::closed); }

task fly(std::string what)
{
    if (!what.empty())
        throw std::runtime_error(what);
    co_return hk::result<void>();
}

task add_up(int& sum, int count)
{
    for (int i = 0; i < count; ++i) {
        int one = 0;
        auto const given = co_await give(one, 1);
        sum += given ? one : 0;
    }
    co_return hk::result<void>();
}

task pass_on()
{
    auto const refused = co_await refuse();
    co_return refused;
}

task wait_within(std::coroutine_handle<>& waiting, std::shared_ptr<int> kept, int& ended)
{
    co_await pause(waiting);
    ended = *kept;
    co_return hk::result<void>();
}

task wait_outside(std::coroutine_handle<>& waiting, std::shared_ptr<int> kept, int& ended)
{
    auto const outcome = co_await wait_within(waiting, std::move(kept), ended);
    co_return outcome;
}

hk::result<void> run(task work)
{
    task_runner runner;
    work.begin(runner);
    runner.run();
    return work.outcome();
}

class element : public hk::detail::list_link
{
public:
    explicit element(int number) : value(number) {}

    int value;
};

} // namespace

TEST_CASE("a million tasks that end at once do not pile up on the stack")
{
    int sum = 0;
    CHECK(run(add_up(sum, 1'000'000)));
    CHECK(sum == 1'000'000);
}

TEST_CASE("a failure is passed on as a value, an exception as an exception")
{
    auto const refused = run(pass_on());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::closed);
    CHECK_THROWS_WITH_AS(run(fly("away")).value(), "away", std::runtime_error);
    CHECK(run(fly("")));
}

TEST_CASE("a task that waits goes on where it was, and takes what it holds along when it is dropped")
{
    auto const kept = std::make_shared<int>(7);
    int ended = 0;
    std::coroutine_handle<> waiting;
    task_runner runner;
    {
        task work = wait_outside(waiting, kept, ended);
        work.begin(runner);
        runner.run();
        CHECK(kept.use_count() > 1);
        runner.next(waiting);
        runner.run();
        CHECK(ended == 7);
        CHECK(work.outcome());
    }
    CHECK(kept.use_count() == 1);

    task dropped = wait_outside(waiting, kept, ended);
    dropped.begin(runner);
    runner.run();
    CHECK(kept.use_count() > 1);
    dropped = task();
    CHECK(kept.use_count() == 1);
}

TEST_CASE("a list gives its elements in their order, and an element leaves it from anywhere")
{
    hk::detail::linked_list<element> list;
    element one(1);
    element two(2);
    element three(3);
    CHECK(list.empty());
    list.push_back(one);
    list.push_back(two);
    list.push_back(three);
    CHECK(list.front().value == 1);
    CHECK(list.back().value == 3);
    CHECK(list.after(one)->value == 2);
    CHECK(list.after(three) == nullptr);
    list.remove(two);
    CHECK_FALSE(two.linked());
    CHECK(list.after(one)->value == 3);
    list.push_back(two);
    CHECK(list.pop_back().value == 2);
    CHECK(list.pop_front().value == 1);
    CHECK(list.pop_front().value == 3);
    CHECK(list.empty());
}
