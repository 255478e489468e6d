// Going through an HTTP proxy: what it is told, what it can do to a call, and when none is asked.
#include "support/faults/site.hpp"
#include "support/net/hidden_emulator.hpp"
#include "support/net/running.hpp"
#include "support/net/scripted_server.hpp"
#include "support/net/tunnel_proxy.hpp"

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace test;

namespace {

/// "user:pa:ss" and "p@ss/word", as they stand in a URL and in Proxy-Authorization.
std::string const credentials = "Us%45r:p%40ss%2Fword@";
std::string const password = "p@ss/word";
std::string const shown_credentials = "Basic VXNFcjpwQHNzL3dvcmQ=";

void check_no_secret(hk::error const& failure)
{
    std::string const what = std::string(failure.what()) + failure.info().server_message + failure.cause();
    CAPTURE(what);
    for (std::string_view const secret : {std::string_view(password), std::string_view("p%40ss"),
                                          std::string_view(shown_credentials).substr(6), token_text})
        CHECK(what.find(secret) == std::string::npos);
}

/// What a call through a proxy that does not do as it should must end with.
class fault_row
{
public:
    std::string what;
    tunnel_plan plan;
    hk::errc code;
    bool repeated;
};

tunnel_plan says(std::string bytes, parting how = parting::stall)
{
    return tunnel_plan().answer(std::move(bytes), how);
}

tunnel_plan refusal(int status)
{
    // Some proxies show the request to whom it came from.
    return says(
        http(status, shown_credentials + " " + password, "Proxy-Authenticate: Basic realm=\"x\"\r\n"));
}

/// A produce comes to the proxy of this row.
void check_fault(hidden_emulator& hidden, fault_row const& row)
{
    CAPTURE(row.what);
    std::size_t const before = client_sockets();
    tunnel_proxy proxy(row.plan);
    net::io_context io;
    {
        hk::client const client(io.get_executor(), hidden.options(proxy.url(credentials)));
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == row.code);
        CHECK(failure.info().persisted() == hk::persistence::none);
        CHECK(failure.info().retriable() == row.repeated);
        CHECK(failure.info().http_status == 0); // that would be the service's
        CHECK(failure.cause().find("the proxy 127.0.0.1") != std::string::npos);
        check_what(failure, "produce", "orders");
        check_no_secret(failure);
        CHECK(client_sockets() == before);
        CHECK(proxy.connections() == 1);
        CHECK(run(io, client.topics()).good());
        CHECK(proxy.connections() == 2);
    }
    proxy.wait_for_all_ends();
    CHECK(client_sockets() == before);

    // The same with a policy that repeats what makes sense.
    tunnel_proxy another(row.plan);
    hk::client const client(io.get_executor(), hidden.options(another.url()).retry(quickly(3)));
    std::size_t const records = hidden.records();
    auto const ended = run(io, client.produce("orders", hk::records("v")));
    CHECK(ended.code() == (row.repeated ? std::error_code() : row.code));
    CHECK(another.connections() == (row.repeated ? 2 : 1));
    CHECK(hidden.records() == records + (row.repeated ? 1 : 0));
}

/// Proxies at which a call stands still, each in another place.
std::vector<tunnel_plan> standstills()
{
    return {says(""), says("HTTP/1.1 200 Connection est"), says("HTTP/1.1 100 Continue\r\n\r\n"),
            says("HTTP/1.1 200 Connection established\r\nVia: 1.1 pro")};
}

/// The environment's proxy variables, for the time of a test.
class environment
{
public:
    explicit environment(std::string const& https_proxy, std::string const& no_proxy = "")
    {
        clear();
        set("HTTPS_PROXY", https_proxy);
        set("NO_PROXY", no_proxy);
    }
    environment(environment const&) = delete;
    environment& operator=(environment const&) = delete;
    ~environment() { clear(); }

    // NOLINTBEGIN(concurrency-mt-unsafe): the other threads of these tests do not look
    static void set(char const* name, std::string const& value) { setenv(name, value.c_str(), 1); }
    static void clear()
    {
        for (char const* const name : {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"})
            unsetenv(name);
    }
    // NOLINTEND(concurrency-mt-unsafe)
};

/// The failure to make a client from these.
hk::error refused_options(hk::client_options const& options)
{
    net::io_context io;
    try {
        hk::client const made(io.get_executor(), options);
    } catch (hk::error const& failure) {
        return failure;
    }
    FAIL("the client was made");
    return hk::error(hk::errc::closed);
}

} // namespace

TEST_CASE("the proxy is told whereto, by whom, and nothing else")
{
    class row
    {
    public:
        std::string endpoint;
        std::string before; ///< in the proxy's URL
        std::string agent;
        std::string request;
    };
    for (row const& each :
         {row{"https://cluster.example", "", "hdikafka/" HDIKAFKA_VERSION_STRING,
              "CONNECT cluster.example:443 HTTP/1.1\r\nHost: cluster.example:443\r\n"
              "User-Agent: hdikafka/" HDIKAFKA_VERSION_STRING "\r\n"},
          row{"https://Cluster.example:8443", credentials, "my agent/1",
              "CONNECT cluster.example:8443 HTTP/1.1\r\nHost: cluster.example:8443\r\n"
              "User-Agent: my agent/1\r\nProxy-Authorization: " +
                  shown_credentials + "\r\n"},
          row{"https://[2001:DB8::1]", "user@", "a",
              "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nUser-Agent: a\r\n"
              "Proxy-Authorization: Basic dXNlcjo=\r\n"}}) {
        CAPTURE(each.endpoint);
        gate const gone;
        scripted_server const proxy(script().read().taste().tell(gone), std::nullopt);
        net::io_context io;
        std::string const url = "http://" + each.before + "127.0.0.1:" + std::to_string(proxy.port());
        hk::client const client(io.get_executor(),
                                options_for(each.endpoint).proxy(url).user_agent(each.agent));
        // Until it is cancelled it waits for the proxy, and sends nothing more.
        running_call<hk::receipt> call(io, client.produce("orders", hk::records("v")));
        work_until(io, [&proxy] { return proxy.requests().size() == 1; });
        while (io.poll() != 0) {
        }
        call.cancel();
        proxy.wait_for_ends(1);
        CHECK_FALSE(gone.is_open()); // nothing was tasted but the end
        REQUIRE(proxy.requests().size() == 1);
        CHECK(proxy.requests()[0].head == each.request);
        CHECK(proxy.requests()[0].body.empty());
    }
}

TEST_CASE("any answer that opens the tunnel does, in whatever pieces it comes")
{
    hidden_emulator const hidden;
    for (std::string const& answer :
         {std::string("HTTP/1.1 200 OK\r\n\r\n"), std::string("HTTP/1.0 200\r\nVia: 1.1 proxy\r\n\r\n"),
          std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 OK\r\nContent-Length: 9\r\n"
                      "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")})
        for (std::size_t const piece : {std::size_t{0}, std::size_t{1}}) {
            CAPTURE(answer);
            CAPTURE(piece);
            tunnel_proxy const proxy(tunnel_plan().opens_with(answer, piece));
            net::io_context io;
            hk::client const client(io.get_executor(), hidden.options(proxy.url()));
            CHECK(run(io, client.topics()).good());
            CHECK(run(io, client.topics()).good());
            CHECK(proxy.connections() == 1);
        }
}

TEST_CASE("a proxy that refuses is not asked again, and no secret is told")
{
    hidden_emulator hidden;
    for (int const status : {300, 302, 400, 401, 403, 404, 405, 407, 429}) {
        std::string const number = std::to_string(status);
        check_fault(hidden, {number, refusal(status), hk::errc::proxy_refused, false});
        tunnel_proxy const proxy(refusal(status));
        net::io_context io;
        hk::client const client(io.get_executor(), hidden.options(proxy.url()));
        CHECK(run(io, client.topics()).error().cause().find(number) != std::string::npos);
    }
}

TEST_CASE("a proxy that cannot reach the target may do so later")
{
    hidden_emulator hidden;
    for (int const status : {500, 502, 503, 504})
        check_fault(hidden, {std::to_string(status), refusal(status), hk::errc::connect_failed, true});

    tunnel_proxy const never(std::vector<tunnel_plan>(3, refusal(503)));
    net::io_context io;
    hk::client const client(io.get_executor(), hidden.options(never.url()).retry(quickly(2)));
    CHECK(run(io, client.topics()).code() == hk::errc::connect_failed);
    CHECK(never.connections() == 3);
}

TEST_CASE("a proxy that answers nonsense, or breaks off, opens no tunnel")
{
    hidden_emulator hidden;
    std::string const refused = "HTTP/1.1 403 No\r\nContent-Length: 99999999\r\n\r\nbecause";
    for (fault_row const& row : {
             fault_row{"not HTTP", says("SSH-2.0-OpenSSH_9.2\r\n"), hk::errc::bad_status_line, false},
             fault_row{"TLS", says("\x15\x03\x03"), hk::errc::bad_status_line, false},
             fault_row{"no number", says("HTTP/1.1 OK\r\n\r\n"), hk::errc::bad_status_line, false},
             fault_row{"a bad field", says("HTTP/1.1 200 OK\r\nVia : x\r\n\r\n"), hk::errc::bad_field, false},
             fault_row{"101", says("HTTP/1.1 101 Off\r\n\r\n"), hk::errc::unexpected_upgrade, false},
             fault_row{"an endless line", says("HTTP/1.1 200 OK", parting::pour),
                       hk::errc::status_line_too_long, false},
             fault_row{"an endless field", says("HTTP/1.1 200 OK\r\nVia: " + std::string(20'000, 'x')),
                       hk::errc::field_too_long, false},
             fault_row{"endless fields", says("HTTP/1.1 200 OK\r\nVia: ", parting::pour),
                       hk::errc::too_many_fields, false},
             fault_row{"endless 1xx", says("HTTP/1.1 100 Continue\r\n\r\n", parting::pour),
                       hk::errc::too_many_interim, false},
             fault_row{"a refusal cut short", says(refused, parting::close), hk::errc::proxy_refused, false},
             fault_row{"a refusal unfinished", says(refused), hk::errc::proxy_refused, false},
             fault_row{"an endless refusal", says(refused, parting::pour), hk::errc::proxy_refused, false},
             fault_row{"closed without an answer", says("", parting::close), hk::errc::connection_lost, true},
             fault_row{"closed within the head", says("HTTP/1.1 200 OK\r\nVi", parting::close),
                       hk::errc::connection_lost, true},
             fault_row{"closed before the head's end", says("HTTP/1.1 200 OK\r\n\r", parting::close),
                       hk::errc::connection_lost, true},
             fault_row{"reset without an answer", says("", parting::reset), hk::errc::connection_lost, true},
         })
        check_fault(hidden, row);
}

TEST_CASE("a proxy that is not there: its name, not the target's, is what fails")
{
    hidden_emulator const hidden;
    tunnel_proxy const proxy;
    net::io_context io;
    unsigned const port = proxy.port();
    std::string const url = proxy.url("", "proxy.example");
    name_service::get().plan(port, std::vector<lookup>(1, lookup("")));
    hk::client const client(io.get_executor(), hidden.options(url));
    hk::error const unknown = run(io, client.produce("orders", hk::records("v"))).error();
    CHECK(unknown.code() == hk::errc::resolve_failed);
    CHECK(unknown.cause().find("proxy.example") != std::string::npos);
    CHECK(unknown.info().persisted() == hk::persistence::none);
    CHECK(run(io, client.topics()).good()); // the next look-up finds it

    closed_doors const doors(port);
    name_service::get().plan(port, std::vector<lookup>(1, lookup(refusing_address)));
    net::io_context later; // which has looked up nothing yet
    hk::client const other(later.get_executor(), hidden.options(url));
    hk::error const refused = run(later, other.produce("orders", hk::records("v"))).error();
    CHECK(refused.code() == hk::errc::connect_failed);
    CHECK(refused.cause().find("proxy.example") != std::string::npos);
    CHECK(refused.info().persisted() == hk::persistence::none);
    CHECK(run(later, other.topics()).good());
    CHECK_FALSE(hidden.looked_up());
}

TEST_CASE("a call that stands still at the proxy ends with connect_timeout, and is repeated")
{
    hidden_emulator const hidden;
    for (auto const& plan : standstills()) {
        CAPTURE(plan.words);
        std::size_t const before = client_sockets();
        tunnel_proxy const proxy(plan);
        net::io_context io;
        hk::client const client(io.get_executor(), hidden.options(proxy.url()).connect_timeout(50ms));
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == hk::errc::connect_timeout);
        CHECK(failure.code() == std::errc::timed_out);
        CHECK(failure.info().persisted() == hk::persistence::none);
        CHECK(failure.info().retriable());
        CHECK(failure.cause().find("127.0.0.1") != std::string::npos); // not the target
        check_what(failure, "produce", "orders");
        CHECK(client_sockets() == before);

        // Only the first connection stands still; but a slow machine may need that time for a good one too.
        tunnel_proxy const another(plan);
        hk::client const patient(io.get_executor(),
                                 hidden.options(another.url()).connect_timeout(500ms).retry(quickly(40)));
        CHECK(run(io, patient.produce("orders", hk::records("v"))).good());
        CHECK(another.connections() >= 2);
    }
}

TEST_CASE("a call that stands still at the proxy can be cancelled, closed, and left to its own time")
{
    hidden_emulator const hidden;
    enum class by : unsigned char
    {
        cancellation,
        closing,
        its_time,
    };
    std::pair<by, std::error_code> const ways[] = {
        {by::cancellation, net::error::make_error_code(net::error::operation_aborted)},
        {by::closing, hk::errc::closed},
        {by::its_time, hk::errc::timed_out},
    };
    for (auto const& plan : standstills())
        for (auto const& [how, code] : ways) {
            CAPTURE(plan.words);
            CAPTURE(static_cast<int>(how));
            std::size_t const before = client_sockets();
            gate const there;
            tunnel_proxy const proxy(tunnel_plan(plan).tell(there));
            net::io_context io;
            hk::client const client(io.get_executor(), hidden.options(proxy.url()));
            hk::call_options options;
            if (how == by::its_time)
                options.timeout(50ms);
            running_call<hk::receipt> call(io, client.produce("orders", hk::records("v"), options));
            if (how != by::its_time) {
                work_until(io, [&there] { return there.is_open(); });
                while (io.poll() != 0) {
                }
                CHECK_FALSE(call.end.happened());
            }
            if (how == by::cancellation)
                call.cancel();
            if (how == by::closing)
                client.close();
            io.restart();
            io.run(); // returns: nothing is left
            CHECK(call.end.code() == code);
            CHECK(call.end.error().info().persisted() == hk::persistence::none);
            check_what(call.end.error(), "produce", "orders");
            CHECK(client_sockets() == before);
            if (how != by::closing) {
                CHECK(run(io, client.topics()).good());
                CHECK(proxy.connections() == 2);
            }
        }
}

TEST_CASE("a context may go while a call waits for the proxy")
{
    hidden_emulator const hidden;
    std::size_t const before = client_sockets();
    gate const there;
    tunnel_proxy const proxy(says("HTTP/1.1 200 Conn").tell(there));
    ending<hk::receipt> end;
    {
        net::io_context io;
        hk::client const client(io.get_executor(), hidden.options(proxy.url()));
        start(io.get_executor(), client.produce("orders", hk::records("v")), end);
        work_until(io, [&there] { return there.is_open(); });
    }
    CHECK_FALSE(end.happened());
    CHECK(client_sockets() == before);
}

TEST_CASE("a refusal that befalls the token request fails the call that wanted the token")
{
    hidden_emulator const hidden;
    for (int const status : {407, 503}) {
        tunnel_proxy const proxy(refusal(status));
        net::io_context io;
        hk::client const client(
            io.get_executor(),
            hidden.options(proxy.url(credentials)).credential(hidden.identity("login.example")));
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == (status == 407 ? hk::errc::proxy_refused : hk::errc::connect_failed));
        CHECK(failure.info().persisted() == hk::persistence::none);
        check_what(failure, "produce", "orders");
        check_no_secret(failure);
        CHECK(proxy.lines() == std::vector<std::string>{hidden.line("login.example")});
        CHECK(run(io, client.produce("orders", hk::records("v"))).good());
    }
}

TEST_CASE("the environment's proxy is asked unless the program or NO_PROXY says otherwise")
{
    hidden_emulator hidden;
    hidden.show(); // to whoever goes without the proxy
    tunnel_proxy const proxy;
    class row
    {
    public:
        std::string no_proxy;
        std::optional<std::string> option;
        bool proxied;
    };
    for (row const& each : {
             row{"", std::nullopt, true},
             row{"other.example, example.org", std::nullopt, true},
             row{"cluster.example:1", std::nullopt, true},
             row{".cluster.example", std::nullopt, true},
             row{"127.0.0.0/8", std::nullopt, true}, // names are not looked up for it
             row{"cluster.example", std::nullopt, false},
             row{"other.example,cluster.example:" + hidden.port(), std::nullopt, false},
             row{".example", std::nullopt, false},
             row{"*", std::nullopt, false},
             row{"", "", false},
             row{"cluster.example", "", false},
             row{"*", proxy.url(), true},
         }) {
        CAPTURE(each.no_proxy);
        CAPTURE(each.option.value_or("(none)"));
        net::io_context io;
        std::size_t const before = proxy.connections();
        environment const corporate(proxy.url(), each.no_proxy);
        hk::client_options options = hidden.options_at("cluster.example");
        if (each.option)
            options.proxy(*each.option);
        hk::client const client(io.get_executor(), options);
        CHECK(run(io, client.topics()).good());
        CHECK(proxy.connections() == before + (each.proxied ? 1 : 0));
    }
}

TEST_CASE("the environment is read when the client is made, small letters second")
{
    hidden_emulator hidden;
    hidden.show();
    tunnel_proxy const proxy;
    net::io_context io;
    {
        environment const corporate(proxy.url());
        hk::client const client(io.get_executor(), hidden.options_at("cluster.example"));
        environment::clear();
        CHECK(run(io, client.topics()).good());
        CHECK(proxy.connections() == 1);
    }
    {
        environment const none("");
        hk::client const client(io.get_executor(), hidden.options_at("cluster.example"));
        environment::set("HTTPS_PROXY", proxy.url());
        CHECK(run(io, client.topics()).good());
        CHECK(proxy.connections() == 1);
    }
    {
        environment const none("");
        environment::set("https_proxy", proxy.url());
        hk::client const client(io.get_executor(), hidden.options_at("cluster.example"));
        CHECK(run(io, client.topics()).good());
        CHECK(proxy.connections() == 2);
        environment::set("no_proxy", "example");
        hk::client const other(io.get_executor(), hidden.options_at("cluster.example"));
        CHECK(run(io, other.topics()).good());
        CHECK(proxy.connections() == 2);
    }
}

TEST_CASE("this machine is not reached through a proxy of the environment, or one that is elsewhere")
{
    hidden_emulator const hidden;
    tunnel_proxy const proxy;
    scripted_server const plain(script().serve(http(200, R"({"topics":["orders"]})")), std::nullopt);
    environment const corporate(proxy.url());
    gate const looked_up;
    name_service::get().plan(80, std::vector<lookup>(4, lookup("").tell(looked_up)));
    net::io_context io;
    std::vector<hk::client_options> const all{
        hidden.options_at("127.0.0.1"),
        hidden.options_at("127.0.0.1").proxy("http://proxy.example"),
        options_for(plain.endpoint()).allow_plain_http_to_loopback(),
        options_for(plain.endpoint()).allow_plain_http_to_loopback().proxy(proxy.url()),
    };
    for (auto const& options : all) {
        hk::client const client(io.get_executor(), options);
        CHECK(run(io, client.topics()).good());
    }
    CHECK(proxy.connections() == 0);
    CHECK_FALSE(looked_up.is_open());
    name_service::get().plan(80, std::vector<lookup>());

    // A proxy that runs here, and is asked for by the program, is there for debugging.
    hk::client const debugged(io.get_executor(), hidden.options_at("127.0.0.1").proxy(proxy.url()));
    CHECK(run(io, debugged.topics()).good());
    CHECK(proxy.lines() == std::vector<std::string>{hidden.line("127.0.0.1")});
}

TEST_CASE("no client is made from a proxy's address that cannot be used, and no password is told")
{
    std::string const endpoint = "https://cluster.example";
    for (std::string const url :
         {"socks5://me:Sesame@proxy", "https://me:Sesame@proxy", "http://me:Sesame@proxy:0",
          "http://me:Sesame@proxy:Sesame", "http://me:Sesame@proxy:65536", "http://me:Sesame%4@proxy",
          "http://me:Sesame%zz@proxy", "http://m%3ae:Sesame@proxy", "http://me:Sesame%0d%0a@proxy",
          "http://me:Sesame@", "http://me:Sesame@proxy/path", "http://me:Sesame@proxy?Sesame",
          "http://me:Sesame@pro xy", "http://me:Sesame@[::1", "http://me:Sesame@127.1", "me:Sesame@pro@xy:x",
          "http://me:Ses/ame@proxy", "http://me:Sesame", "http://proxy:3128:Sesame"}) {
        CAPTURE(url);
        environment const corporate(url);
        hk::error const own = refused_options(options_for("https://127.0.0.1").proxy(url));
        hk::error const from_environment = refused_options(options_for(endpoint));
        CHECK(own.cause().starts_with("the HTTP proxy: "));
        CHECK(from_environment.cause().starts_with("HTTPS_PROXY: "));
        for (hk::error const& failure : {own, from_environment}) {
            CHECK(failure.code() == hk::errc::invalid_option);
            check_what(failure, "client");
            CHECK(std::string(failure.what()).find("Ses") == std::string::npos);
        }

        net::io_context io;
        CHECK_NOTHROW(hk::client(io.get_executor(), options_for(endpoint).proxy("")));
        environment::set("NO_PROXY", "cluster.example");
        CHECK_NOTHROW(hk::client(io.get_executor(), options_for(endpoint)));
    }
}
