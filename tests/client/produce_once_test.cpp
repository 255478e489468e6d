// A produce is written once: what a call says of its record is held against the log of the service that it
// was sent to, wherever the connection between them breaks.
#include "support/emulator/emulated.hpp"
#include "support/faults/site.hpp"
#include "support/net/cable.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

/// The bytes that each attempt at a produce sent.
class attempts
{
public:
    explicit attempts(std::vector<std::uint64_t>& seen) : seen_(seen) {}
    void operator()(hk::attempt_ended const& event)
    {
        if (event.call.operation == "produce")
            seen_.push_back(event.bytes_sent);
    }

private:
    std::vector<std::uint64_t>& seen_;
};

/// What a call said of its record, and what the service's log says.
class account
{
public:
    bool good = false;
    std::error_code code;
    hk::persistence persisted = hk::persistence::none;
    std::vector<std::uint64_t> sent; ///< By each attempt.
    std::size_t arrived = 0;         ///< Requests that the service read.
    std::size_t there = 0;           ///< How many times the record is in the log.
    bool where_it_says = true;       ///< It is at the offset that a receipt gives.
};

/// The service, and a client whose connection to it can be cut.
class wired_service
{
public:
    wired_service()
        : service_(hk::emulator_options()
                       .produce_answer(hk::emulator_produce_answer::offsets)
                       .host_name("service.test")),
          cable_(service_.io, service_.emulator.port()),
          who_(service_.emulator.credential())
    {
        service_.emulator.add_topic("orders");
        hk::client const direct(service_.io.get_executor(),
                                service_.emulator.client_options().credential(who_));
        REQUIRE(service_.run(direct.topics())); // from now on there is a token
    }

    hk::emulator& emulator() noexcept { return service_.emulator; }
    cable& wire() noexcept { return cable_; }

    /// A new client, with a connection if it is to be `warm`. Nothing else has been asked before.
    void connect(hk::retry_policy policy, bool warm, std::string const& host = "127.0.0.1")
    {
        seen_.clear();
        client_.emplace(service_.io.get_executor(),
                        hk::client_options("https://" + host + ":" + std::to_string(cable_.port()))
                            .credential(who_)
                            .tls(hk::tls_options().ca_pem(service_.emulator.ca_pem()))
                            .retry(std::move(policy))
                            .observer(hk::observer(attempts(seen_))));
        if (warm)
            REQUIRE(service_.run(client_->topics()));
        service_.emulator.forget_calls();
    }

    account produce()
    {
        std::string const value = "record " + std::to_string(++produced_); // all of one length
        auto const told = service_.run(client_->produce("orders", hk::records(value)));
        settle();
        account out;
        out.good = static_cast<bool>(told);
        out.code = told ? std::error_code() : told.error().code();
        out.persisted = told ? told.value().persisted() : told.error().info().persisted();
        out.sent = seen_;
        out.arrived = service_.emulator.request_count(hk::emulator_route::produce);
        std::optional<std::int64_t> const said = told ? told.value().offset(0) : std::nullopt;
        out.where_it_says = !said;
        for (auto const& record : service_.emulator.records("orders", 0)) {
            if (record.value != '"' + value + '"')
                continue;
            ++out.there;
            out.where_it_says = out.where_it_says || record.offset == said;
        }
        return out;
    }

    /// Works until the service has dealt with everything that went through before a cut.
    void settle()
    {
        step_until(service_.io, [this] { return cable_.settled(); });
    }

private:
    emulated service_;
    cable cable_;
    hk::credential who_;
    std::optional<hk::client> client_;
    std::vector<std::uint64_t> seen_;
    int produced_ = 100'000;
};

/// Never more than the call says, never less, and by default never twice.
void check_honest(account const& seen, bool at_least_once)
{
    CHECK(seen.good == (seen.persisted == hk::persistence::done));
    CHECK(seen.where_it_says);
    if (seen.persisted == hk::persistence::none)
        CHECK(seen.there == 0);
    if (seen.persisted == hk::persistence::done)
        CHECK(seen.there >= 1);
    if (at_least_once)
        return;
    CHECK(seen.there <= 1);
    CHECK(seen.arrived <= 1);
    // An attempt of which a byte was sent was the last one.
    for (std::size_t i = 0; i + 1 < seen.sent.size(); ++i)
        CHECK(seen.sent[i] == 0);
}

/// Every byte at the beginning and at the end, and some in between.
std::vector<std::size_t> places(std::size_t begin, std::size_t end)
{
    constexpr std::size_t closely = 12;
    constexpr std::size_t stride = 7;
    std::vector<std::size_t> out;
    for (std::size_t at = begin; at < end; at += at < begin + closely || at + closely >= end ? 1 : stride)
        out.push_back(at);
    return out;
}

/// What goes each way through the cable for one produce on a connection that is there already.
class lengths
{
public:
    explicit lengths(wired_service& service)
    {
        service.connect(quickly(0), true);
        std::size_t const up_before = service.wire().passed(way::up);
        std::size_t const down_before = service.wire().passed(way::down);
        account const whole = service.produce();
        REQUIRE(whole.good);
        REQUIRE(whole.there == 1);
        up = service.wire().passed(way::up) - up_before;
        down = service.wire().passed(way::down) - down_before;
        REQUIRE(up > 100);
        REQUIRE(down > 100);
    }

    std::size_t up = 0;
    std::size_t down = 0;
};

hk::retry_policy policy(bool at_least_once) { return quickly(3).at_least_once(at_least_once); }

} // namespace

TEST_CASE("cut in the middle of the request: sent once and possibly there, unless it may be there twice")
{
    wired_service service;
    lengths const whole(service);
    for (bool const at_least_once : {false, true})
        for (std::size_t const bytes : places(0, whole.up + 1)) {
            CAPTURE(at_least_once);
            CAPTURE(bytes);
            service.connect(policy(at_least_once), true);
            service.wire().cut_after(way::up, bytes, bytes % 2 == 0 ? parting::close : parting::reset);
            account const seen = service.produce();
            check_honest(seen, at_least_once);
            std::size_t const arrived = bytes == whole.up ? 1 : 0;
            CHECK(seen.good == at_least_once);
            CHECK(seen.sent.size() == (at_least_once ? 2 : 1));
            CHECK(seen.there == arrived + (at_least_once ? 1 : 0));
            if (!at_least_once)
                CHECK(seen.persisted == hk::persistence::possibly);
        }
}

TEST_CASE("cut in the middle of the answer: there once and not sent again, unless it may be there twice")
{
    wired_service service;
    lengths const whole(service);
    for (bool const at_least_once : {false, true})
        for (std::size_t const bytes : places(0, whole.down)) {
            CAPTURE(at_least_once);
            CAPTURE(bytes);
            service.connect(policy(at_least_once), true);
            service.wire().cut_after(way::down, bytes, bytes % 2 == 0 ? parting::close : parting::reset);
            account const seen = service.produce();
            check_honest(seen, at_least_once);
            CHECK(seen.good == at_least_once);
            CHECK(seen.sent.size() == (at_least_once ? 2 : 1));
            CHECK(seen.there == (at_least_once ? 2 : 1));
            if (!at_least_once)
                CHECK(seen.persisted == hk::persistence::possibly);
        }
}

TEST_CASE("cut anywhere on a new connection: before the first byte it is sent again, and is there once")
{
    wired_service service;
    service.connect(quickly(0), false);
    std::size_t const before = service.wire().passed(way::up);
    REQUIRE(service.produce().good);
    std::size_t const whole = service.wire().passed(way::up) - before;
    std::size_t again = 0;
    std::size_t doubtful = 0;
    for (std::size_t const bytes : places(0, whole)) {
        CAPTURE(bytes);
        service.connect(policy(false), false);
        service.wire().cut_after(way::up, bytes, bytes % 2 == 0 ? parting::close : parting::reset);
        account const seen = service.produce();
        check_honest(seen, false);
        CHECK(seen.persisted != hk::persistence::none);
        CHECK(seen.there == (seen.good ? 1 : 0));
        CHECK(seen.sent.size() == (seen.good ? 2 : 1));
        ++(seen.good ? again : doubtful);
    }
    CHECK(again > 0);
    CHECK(doubtful > 0);
}

TEST_CASE("a connection that was cut while it was idle is replaced before a byte is sent")
{
    wired_service service;
    for (parting const how : {parting::close, parting::reset}) {
        service.connect(policy(false), true);
        std::size_t const connections = service.wire().connections();
        service.wire().cut_all(how);
        service.settle();
        account const seen = service.produce();
        check_honest(seen, false);
        CHECK(seen.good);
        CHECK(seen.there == 1);
        CHECK(seen.sent.size() == 1);
        CHECK(service.wire().connections() == connections + 1);
    }
}

TEST_CASE("a service that refuses the connection at first gets the record once")
{
    wired_service service;
    closed_doors const doors(service.wire().port());
    name_service::get().plan(service.wire().port(),
                             std::vector<lookup>{lookup(refusing_address), lookup("")});
    service.connect(policy(false), false, "service.test");
    account const seen = service.produce();
    check_honest(seen, false);
    CHECK(seen.good);
    CHECK(seen.there == 1);
    CHECK(seen.sent.size() == 3); // refused, not found, served
}

TEST_CASE("what the service does with a request, and what the call then says and does")
{
    struct
    {
        std::string name;
        hk::emulator_fault fault;
        std::size_t written;  // by that request
        bool refused;         // so that sending it again does no harm
        std::error_code code; // when it is not sent again
    } const cases[] = {
        {"never handled, connection closed", hk::emulator_fault::drop_request(), 0, false,
         hk::errc::truncated},
        {"written, connection closed", hk::emulator_fault::drop_answer(), 1, false, hk::errc::truncated},
        {"failed inside", hk::emulator_fault::answer(503), 0, false, hk::errc::service_failed},
        {"throttled", hk::emulator_fault::answer(429), 0, true, {}},
    };
    wired_service service;
    for (auto const& one : cases)
        for (bool const at_least_once : {false, true})
            for (bool const warm : {false, true}) {
                CAPTURE(one.name);
                CAPTURE(at_least_once);
                CAPTURE(warm);
                service.connect(policy(at_least_once), warm);
                service.emulator().inject(hk::emulator_fault(one.fault).on(hk::emulator_route::produce));
                account const seen = service.produce();
                bool const again = one.refused || at_least_once;
                CHECK(seen.good == again);
                CHECK(seen.code == (again ? std::error_code() : one.code));
                CHECK(seen.persisted == (again ? hk::persistence::done : hk::persistence::possibly));
                CHECK(seen.arrived == (again ? 2 : 1));
                CHECK(seen.there == one.written + (again ? 1 : 0));
                CHECK(seen.where_it_says);
                auto const calls = service.emulator().calls();
                REQUIRE(calls.size() == seen.arrived);
                CHECK(calls.front().request_id == calls.back().request_id);
            }
}

TEST_CASE("a token that expired: the refused request wrote nothing, the next one writes the record once")
{
    wired_service service;
    for (bool const warm : {false, true}) {
        CAPTURE(warm);
        service.connect(policy(false), warm);
        service.emulator().expire_tokens();
        account const seen = service.produce();
        CHECK(seen.good);
        CHECK(seen.arrived == 2);
        CHECK(seen.there == 1);
        CHECK(seen.where_it_says);
        CHECK(service.emulator().token_requests() == 1);
    }
}
