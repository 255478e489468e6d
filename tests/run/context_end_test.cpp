// Who outlives a context is told of its end while nothing of it is gone, and wakes nobody there any more.
#include "support/run/operations.hpp"

#include <hdikafka/detail/run/context_end.hpp>
#include <hdikafka/detail/run/waiters.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace {

using test::operation_maker;
namespace hkd = hdikafka::detail;
namespace net = asio;

/// Counts what it is told, and may do something then.
class mourner : public hkd::context_mourner
{
public:
    void context_ends(net::execution_context const& which) noexcept override
    {
        told.push_back(&which);
        if (handler)
            handler_was_there = !handler->expired();
    }

    std::vector<net::execution_context const*> told;
    std::optional<std::weak_ptr<int>> handler; ///< What a handler in the context holds.
    bool handler_was_there = false;
};

using mourner_ptr = std::shared_ptr<mourner>;

/// The context's end is told to `who`, however often it asks for that.
void tell(net::any_io_executor const& executor, mourner_ptr const& who)
{
    for (int i = 0; i != 3; ++i)
        hkd::context_end<>::tell(hkd::context_of(executor), who);
}

} // namespace

TEST_CASE("a context's end is told once, before what waits in it is gone")
{
    auto const who = std::make_shared<mourner>();
    auto held = std::make_shared<int>(0);
    who->handler = held;
    auto io = std::make_unique<net::io_context>();
    net::execution_context const* const address = io.get();
    tell(io->get_executor(), who);
    net::post(*io, [held] {});
    held.reset();
    CHECK(who->told.empty());
    io.reset();
    CHECK(who->told == std::vector<net::execution_context const*>{address});
    CHECK(who->handler_was_there);
    CHECK(who->handler->expired());
}

TEST_CASE("behind a strand and in a pool of threads it is the same")
{
    auto const who = std::make_shared<mourner>();
    {
        net::io_context io;
        tell(net::make_strand(io), who);
        CHECK(&hkd::context_of(net::make_strand(io)) == &io);
    }
    {
        net::thread_pool pool(2);
        tell(pool.get_executor(), who);
        tell(net::make_strand(pool), who);
    }
    CHECK(who->told.size() == 2);
}

TEST_CASE("one who is gone is not told, and each context tells of itself alone")
{
    auto const stays = std::make_shared<mourner>();
    net::io_context another;
    tell(another.get_executor(), stays);
    {
        net::io_context io;
        tell(io.get_executor(), std::make_shared<mourner>());
        tell(io.get_executor(), stays);
    }
    REQUIRE(stays->told.size() == 1);
    CHECK(stays->told[0] != &another);
}

namespace {

/// A queue that outlives those who wait in it.
class hall
{
public:
    std::mutex mutex;
    hkd::waiters<> waiting{mutex};
};

} // namespace

TEST_CASE("of those who wait, the ones on a context that ends are forgotten, the others are not")
{
    net::io_context ends;
    net::io_context stays;
    auto const where = std::make_shared<hall>();
    auto const one = operation_maker(ends.get_executor()).operation();
    auto const other = operation_maker(stays.get_executor()).operation();
    auto const third = operation_maker(net::make_strand(ends)).operation();
    hkd::waiters<>::place first(where, where->waiting, *one);
    hkd::waiters<>::place second(where, where->waiting, *other);
    hkd::waiters<>::place last(where, where->waiting, *third);
    {
        std::lock_guard const lock(where->mutex);
        for (auto* const place : {&first, &second, &last})
            where->waiting.join(*place);
        where->waiting.forget(ends);
    }
    CHECK_FALSE(first.waits());
    CHECK(second.waits());
    CHECK_FALSE(last.waits());
    {
        std::lock_guard const lock(where->mutex);
        where->waiting.answer_all();
    }
    CHECK_FALSE(second.waits());
    CHECK(ends.poll() == 0); // nobody was woken there
    CHECK(stays.poll() == 1);
}
