// default_credential: the identity that fits the place where the program runs, without a word of it in the
// code. Says which one was chosen, and why not the others.
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <exception>
#include <iostream>
#include <sstream>
#include <string>

namespace hk = hdikafka;

/// Told of each request for a token: the first one chooses, the later ones renew.
void tell(hk::token_renewed const& event)
{
    std::ostringstream out; // one piece: several threads may be at work
    if (event.code)
        out << "no token: " << event.code.message() << "\n";
    else
        out << "token from " << event.source << ", good for " << event.expires_in.count() << " s\n";
    // The first credential that is configured is used. What keeps it from giving a token is an error, told by
    // the call that needs the token, and no reason to go on to the next.
    if (!event.passed_over.empty())
        out << "passed over: " << event.passed_over << "\n";
    std::cout << out.str();
}

asio::awaitable<void> work(hk::client client)
{
    auto const topics = co_await client.topics();
    std::cout << "the cluster has " << topics.size() << " topic(s)\n";
}

int main()
try {
    // Takes the address from HDIKAFKA_ENDPOINT. The credential comes from what Azure's own libraries look at:
    // AZURE_CLIENT_SECRET and its like, Kubernetes, a managed identity, the Azure CLI.
    examples::cluster const cluster;
    auto options = cluster.options();
    options.credential(hk::default_credential()).observer(hk::observer(tell));

    asio::io_context io;
    hk::client const client(io.get_executor(), options);
    auto done = asio::co_spawn(io, work(client), asio::use_future);
    io.run();
    done.get();
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
