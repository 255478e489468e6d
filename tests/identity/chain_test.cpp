// Chains of credentials: which one is asked, which one is kept, and what is told of the others.
#include "support/base/gate.hpp"
#include "support/identity/source_bench.hpp"
#include "support/net/running.hpp"

#include <hdikafka/detail/identity/chain.hpp>
#include <hdikafka/detail/identity/sources.hpp>

#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace test;
using hk::errc;
using hk::detail::token_grant;
using hk::detail::token_source;
using std::string;

namespace {

/// A source that gives what the test wants.
class fake final : public token_source
{
public:
    explicit fake(string called, hk::result<void> outcome = {})
        : name(std::move(called)), next(std::move(outcome))
    {}

    hk::detail::task request(hk::detail::operation_ptr op, hk::detail::transport_ptr,
                             std::string const& with_claims, token_grant& grant) override
    {
        ++times;
        claims = with_claims;
        grant.source = name;
        if (rests) {
            op->begin_phase(errc::connect_timeout, 0ms);
            auto const due = hk::detail::steady_clock::now() + 1h;
            in_peace = co_await op->rest(due);
            if (runs) {
                int made = 0;
                next = co_await hk::detail::run_awaitable<int>(op, nullptr, soon(), made);
            }
            co_return next;
        }
        if (parks) {
            auto const due = hk::detail::steady_clock::now() + 1ms;
            in_peace = co_await op->rest(due);
        }
        if (throws)
            throws();
        if (next)
            grant.token = hk::access_token("token of " + name);
        co_return next;
    }
    void join_chain() noexcept override { ++joined; }
    bool renewable() const noexcept override { return can_renew; }

    string name;
    hk::result<void> next;
    std::function<void()> throws;
    bool rests = false; ///< Until a phase of its own ends, which it leaves to others.
    bool runs = false;  ///< A function, after that.
    bool parks = false;
    bool can_renew = true;
    bool in_peace = true;
    int times = 0;
    int joined = 0;
    string claims;

private:
    static net::awaitable<int> soon()
    {
        auto const executor = co_await net::this_coro::executor;
        net::steady_timer timer(executor, 1ms);
        co_await timer.async_wait(net::use_awaitable);
        co_return 1;
    }
};

using fake_ptr = std::shared_ptr<fake>;

hk::error absent(string const& why) { return hk::error(errc::no_credential, why); }

fake_ptr missing(string const& name) { return std::make_shared<fake>(name, absent("not here")); }
fake_ptr good(string const& name) { return std::make_shared<fake>(name); }
fake_ptr failing(string const& name)
{
    return std::make_shared<fake>(name, hk::error(errc::token_refused, name + " is refused"));
}

template <class... Sources>
source_ptr chain(Sources... sources)
{
    std::vector<source_ptr> all;
    (all.push_back(std::move(sources)), ...);
    return std::make_shared<hk::detail::chained_source<>>(std::move(all));
}

/// A credential made from any source.
class made_of
{
public:
    explicit made_of(source_ptr source) : source_(std::move(source)) {}
    source_ptr make_source() && { return std::move(source_); }

private:
    source_ptr source_;
};

} // namespace

TEST_CASE("the first that is there gives the token; the others are not asked")
{
    source_bench bench;
    auto const a = missing("a");
    auto const b = good("b");
    auto const c = good("c");
    asked const out = bench.ask(chain(a, b, c));
    CHECK(out.good());
    CHECK(out.grant.source == "b");
    CHECK(out.grant.token.token() == "token of b");
    CHECK(out.grant.passed_over == "a: not here");
    CHECK(a->times == 1);
    CHECK(b->times == 1);
    CHECK(c->times == 0);
}

TEST_CASE("the one that has given a token is asked alone from then on, whatever becomes of it")
{
    source_bench bench;
    auto const a = missing("a");
    auto const b = good("b");
    auto const c = good("c");
    auto const all = chain(a, b, c);
    CHECK(bench.ask(all).good());
    a->next = hk::result<void>();
    asked const again = bench.ask(all, "{}");
    CHECK(again.good());
    CHECK(again.grant.source == "b");
    CHECK(again.grant.passed_over.empty());
    CHECK(b->claims == "{}");
    for (errc const code : {errc::no_credential, errc::token_refused}) {
        b->next = hk::error(code, "gone");
        asked const out = bench.ask(all);
        CHECK(out.code() == code);
        CHECK(out.cause() == "gone");
        CHECK(out.grant.source == "b");
    }
    b->next = hk::result<void>();
    CHECK(bench.ask(all).good());
    CHECK(a->times == 1);
    CHECK(b->times == 5);
    CHECK(c->times == 0);
}

TEST_CASE("one that is there and fails ends the request, and is not kept")
{
    source_bench bench;
    auto const a = missing("a");
    auto const b = failing("b");
    auto const c = good("c");
    auto const all = chain(a, b, c);
    asked const out = bench.ask(all);
    CHECK(out.code() == errc::token_refused);
    CHECK(out.cause() == "b is refused");
    CHECK(out.grant.source == "b");
    CHECK(out.grant.passed_over == "a: not here");
    CHECK(c->times == 0);
    a->next = hk::result<void>();
    asked const later = bench.ask(all);
    CHECK(later.good());
    CHECK(later.grant.source == "a");
    CHECK(later.grant.passed_over.empty());
    CHECK(b->times == 1);
}

TEST_CASE("where none is there the error names each, and why")
{
    source_bench bench;
    auto const a = missing("a");
    auto const b = missing("b");
    auto const c = missing("c (by way of d)");
    b->next = absent("b: needs a key"); // says its name itself
    auto const all = chain(a, b, c);
    string const reasons = "a: not here; b: needs a key; c (by way of d): not here";
    asked const out = bench.ask(all);
    CHECK(out.code() == errc::no_credential);
    CHECK(out.cause() == "no credential was found: " + reasons);
    CHECK(out.grant.passed_over == reasons);
    c->next = absent("c: is elsewhere");
    CHECK(bench.ask(all).cause() == "no credential was found: a: not here; b: needs a key; c: is elsewhere");
    c->next = hk::result<void>(); // it may have come up since
    CHECK(bench.ask(all).grant.source == c->name);
}

TEST_CASE("what a source throws is as good as what it returns")
{
    source_bench bench;
    auto const a = good("a");
    auto const b = good("b");
    auto const all = chain(a, b);
    a->throws = [] { throw absent("thrown"); };
    asked const passed = bench.ask(all);
    CHECK(passed.good());
    CHECK(passed.grant.source == "b");
    CHECK(passed.grant.passed_over == "a: thrown");

    auto const other = chain(missing("m"), a, b);
    a->throws = [] { throw hk::error(errc::token_refused, "thrown"); };
    CHECK(bench.ask(other).cause() == "thrown");
    a->throws = [] { throw std::runtime_error("broken"); };
    asked const broken = bench.ask(other);
    REQUIRE(broken.thrown);
    CHECK_THROWS_WITH_AS(std::rethrow_exception(broken.thrown), "broken", std::runtime_error);
    CHECK(broken.grant.source == "a");
    CHECK(broken.grant.passed_over == "m: not here");
    CHECK(b->times == 1);
}

TEST_CASE("a chain may be part of a chain")
{
    source_bench bench;
    auto const inner_missing = missing("b");
    auto const inner = good("c");
    auto const all = chain(missing("a"), chain(inner_missing, inner), good("d"));
    asked const out = bench.ask(all);
    CHECK(out.grant.source == "c");
    CHECK(out.grant.passed_over == "a: not here; b: not here");
    CHECK(bench.ask(all).grant.source == "c");
    CHECK(inner_missing->times == 1);

    asked const beyond = bench.ask(chain(chain(missing("a"), missing("b")), good("d")));
    CHECK(beyond.grant.source == "d");
    CHECK(beyond.grant.passed_over == "a: not here; b: not here");

    asked const none = bench.ask(chain(chain(missing("a"), missing("b")), missing("d")));
    CHECK(none.cause() == "no credential was found: a: not here; b: not here; d: not here");

    asked const failed = bench.ask(chain(missing("a"), chain(missing("b"), failing("c")), good("d")));
    CHECK(failed.cause() == "c is refused");
    CHECK(failed.grant.passed_over == "a: not here; b: not here");
}

TEST_CASE("those that are one of several are told so, before they are asked")
{
    auto const a = good("a");
    auto const b = good("b");
    auto const alone = good("alone");
    auto const inner = chain(alone);
    CHECK(alone->joined == 0);
    auto const all = chain(a, b, inner);
    CHECK(a->joined == 1);
    CHECK(b->joined == 1);
    CHECK(alone->joined == 1);
    CHECK(a->times == 0);
}

TEST_CASE("a wait that one member gave up does not cut short the next one's")
{
    source_bench bench;
    auto const a = missing("a");
    auto const b = good("b");
    a->rests = true;
    b->parks = true;
    CHECK(bench.ask(chain(a, b)).good());
    CHECK_FALSE(a->in_peace);
    CHECK(b->in_peace);

    a->runs = true;
    CHECK(bench.ask(a).good());
}

TEST_CASE("closing ends a chain where it is")
{
    source_bench bench;
    auto const b = good("b");
    auto const stuck = [](hk::token_request) -> net::awaitable<hk::access_token> {
        co_await opened(gate()); // which nobody opens
        co_return hk::access_token("never");
    };
    auto const callback =
        std::make_shared<hk::detail::callback_token_source<>>(hk::detail::token_callback_settings(stuck));
    auto const waiting = bench.begin(chain(missing("m"), callback, b));
    while (bench.io->poll() != 0) {
    }
    REQUIRE_FALSE(waiting.answer->ended);
    waiting.operation->close();
    bench.io->run();
    CHECK(waiting.answer->code() == errc::closed);
    CHECK(waiting.answer->grant.source == "callback");
    CHECK(waiting.answer->grant.passed_over == "m: not here");
    CHECK(b->times == 0);
}

TEST_CASE("a chain's token is renewed where the kept credential's can be")
{
    source_bench bench;
    auto const fixed = good("fixed");
    fixed->can_renew = false;
    auto const other = good("other");
    auto const first = missing("first");
    first->can_renew = false;
    CHECK_FALSE(chain(fixed)->renewable());
    CHECK(chain(fixed, other)->renewable());

    auto const gives_fixed = chain(first, fixed, other);
    CHECK(bench.ask(gives_fixed).good());
    CHECK_FALSE(gives_fixed->renewable());
    auto const gives_other = chain(first, other, fixed);
    CHECK(bench.ask(gives_other).good());
    CHECK(gives_other->renewable());
}

TEST_CASE("calls see a chain as any credential")
{
    using names = std::vector<string>;
    auto const refusing = script().serve(http(401, "")).serve(http(401, ""));
    {
        // The program's own token comes second, and is all there is when the service refuses it.
        scripted_server const service(refusing);
        net::io_context io;
        auto const credential = hk::chained_credential(
            hk::workload_identity_credential().tenant("t").client_id("c"), hk::bearer_token("fixed-token"));
        hk::client const client(io.get_executor(), options_for(service.endpoint()).credential(credential));
        CHECK(run(io, client.topics()).code() == errc::unauthorized);
        REQUIRE(service.requests().size() == 1);
        CHECK(service.requests()[0].field("authorization") == "Bearer fixed-token");
    }
    // A function is asked for another.
    scripted_server const service(refusing);
    net::io_context io;
    int calls = 0;
    auto const function = [&calls]() -> net::awaitable<hk::access_token> {
        co_return hk::access_token("token-" + std::to_string(++calls));
    };
    auto const credential = hk::chained_credential(
        hk::workload_identity_credential().tenant("t").client_id("c"), hk::token_callback(function));
    std::vector<string> seen;
    auto const watcher = [&seen](hk::token_renewed const& event) {
        seen.push_back(string(event.source) + " | " + string(event.passed_over));
    };
    hk::client const client(
        io.get_executor(),
        options_for(service.endpoint()).credential(credential).observer(hk::observer(watcher)));
    ending<names> const end = run(io, client.topics());
    CHECK(end.code() == errc::unauthorized);
    CHECK(service.requests().size() == 2);
    CHECK(seen == std::vector<string>{"callback | workload identity: not set: AZURE_FEDERATED_TOKEN_FILE",
                                      "callback | "});
}

TEST_CASE("what is made from one chain shares nothing")
{
    source_bench bench;
    auto const here = std::make_shared<bool>(false);
    auto const first = [here](hk::token_request) -> net::awaitable<hk::access_token> {
        if (!*here)
            throw absent("not yet");
        co_return hk::access_token("first");
    };
    auto const second = [](hk::token_request) -> net::awaitable<hk::access_token> {
        co_return hk::access_token("second");
    };
    auto const inner = hk::chained_credential(hk::token_callback(first), hk::token_callback(second));
    auto const chain = hk::chained_credential(inner);
    auto const one = hk::chained_credential(chain).make_source();
    CHECK(bench.ask(one).grant.token.token() == "second");
    *here = true;
    CHECK(bench.ask(hk::chained_credential(chain).make_source()).grant.token.token() == "first");
    CHECK(bench.ask(one).grant.token.token() == "second");
}

TEST_CASE("a chain that throws is told with the name of the one that did")
{
    scripted_server const service(script().serve(http(401, "")));
    net::io_context io;
    auto const a = missing("a");
    auto const b = good("b");
    b->throws = [] { throw std::runtime_error("the vault is closed"); };
    string seen;
    auto const watcher = [&seen](hk::token_renewed const& event) {
        seen = string(event.source) + " | " + string(event.passed_over) + " | " + event.code.message();
    };
    hk::client const client(
        io.get_executor(),
        options_for(service.endpoint()).credential(made_of(chain(a, b))).observer(hk::observer(watcher)));
    hk::error const failed = run(io, client.topics()).error();
    CHECK(failed.code() == errc::token_refused);
    CHECK(failed.cause() == "the vault is closed");
    CHECK(seen == "b | a: not here | the authority refused to issue a token");
}
