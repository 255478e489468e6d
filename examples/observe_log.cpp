// What a client does, as lines of a log: requests, attempts, retries, tokens, connections.
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <exception>
#include <iostream>
#include <sstream>
#include <string>

namespace hk = hdikafka;

/// One function for each event that is of interest; an observer never hears of a token, a secret or a body.
/// Each writes its line at once: several threads may be at work.
class log_writer
{
public:
    void operator()(hk::request_started const& event) const { say(event.call, "begins"); }
    void operator()(hk::attempt_ended const& event) const
    {
        std::ostringstream out;
        out << "attempt " << event.attempt << ": " << event.http_status << ", " << event.duration.count()
            << " us, " << event.bytes_sent << " bytes out, " << event.bytes_received << " in, "
            << (event.reused ? "a connection of before" : "a new connection");
        say(event.call, out.str());
    }
    void operator()(hk::retry_scheduled const& event) const
    {
        say(event.call, "again in " + std::to_string(event.delay.count()) + " ms: " + event.code.message());
    }
    void operator()(hk::request_ended const& event) const
    {
        say(event.call, event.code ? "failed: " + event.code.message() : "done");
    }
    void operator()(hk::token_renewed const& event) const
    {
        line(event.code ? "no token: " + event.code.message()
                        : "token for " + std::to_string(event.expires_in.count()) + " s");
    }
    void operator()(hk::connection_opened const& event) const
    {
        line("connected to " + std::string(event.host) + " with " + std::string(event.tls_version) +
             (event.resumed ? ", resumed" : "") + (event.proxied ? ", through the proxy" : ""));
    }
    void operator()(hk::connection_closed const& event) const
    {
        line("closed after " + std::to_string(event.exchanges) + " request(s)");
    }

private:
    static void say(hk::observed_call const& call, std::string const& what)
    {
        line(std::string(call.operation) + " " + std::string(call.topic) + ": " + what);
    }
    static void line(std::string const& text) { std::cout << "[hdikafka] " + text + "\n"; }
};

asio::awaitable<void> work(hk::client client, std::string topic)
{
    co_await client.create_topic(topic);
    auto const missing = co_await hk::as_result(client.partitions("no_such_topic"));
    std::cout << "and to the program: " << missing.error().what() << "\n";
}

int main()
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    auto options = cluster.options();
    hk::client const client(io.get_executor(), options.observer(hk::observer(log_writer())));
    auto done = asio::co_spawn(io, work(client, examples::new_name("observed")), asio::use_future);
    io.run();
    done.get();
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
