// hdikafka's client, in coroutines on one thread.
#include "bench.hpp"
#include "ours_send.hpp"
#include "ours_stream.hpp"

#include <hdikafka.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace {

namespace hk = hdikafka;

asio::awaitable<void> produce(hk::client client, std::string topic, int count)
{
    for (int i = 0; i < count; ++i) {
        auto const receipt = co_await client.produce(topic, hk::records(bench::record_value));
        bench::require(receipt.persisted() == hk::persistence::done && receipt.offset(0) == 0,
                       "not the receipt");
    }
}

asio::awaitable<void> fetch(hk::client client, std::string topic, int count, int records)
{
    for (int i = 0; i < count; ++i) {
        auto const batch = co_await client.fetch(topic, 0, 0, records);
        bench::require(batch.size() == static_cast<std::size_t>(records) &&
                           batch[batch.size() - 1].offset() == records - 1,
                       "not the records");
    }
}

/// Gets the token that lies in the cache, as every call does first.
void look(hk::credential const& who, asio::any_io_executor const& executor, int count)
{
    auto const http = std::make_shared<hk::detail::transport<>>(executor, hk::detail::transport_settings());
    auto const tokens = who.caches()->get(hk::tls_options());
    for (int i = 0; i < count; ++i)
        bench::require(tokens->current(http) != nullptr, "no token is cached");
}

void measured(bench::task const& task)
{
    bool const idle = task.mode == "idle";
    // What a stream reads ahead has a connection of its own.
    int const reading = task.streams() ? 2 : 1;
    auto const connections = static_cast<std::size_t>(idle ? task.count : reading);
    asio::io_context io(1);
    hk::credential const who = hk::bearer_token(task.token);
    hk::client client(io.get_executor(), hk::client_options(task.endpoint)
                                             .credential(who)
                                             .tls(hk::tls_options().ca_file(task.ca_file))
                                             .max_connections(connections));
    std::exception_ptr failure;
    auto const ended = [&failure](std::exception_ptr thrown) {
        if (thrown)
            failure = std::move(thrown);
    };
    // Started together, hardly a fetch finds a connection that is free already: each makes one.
    if (idle)
        for (int i = 0; i < task.count; ++i)
            asio::co_spawn(io, fetch(client, task.topic(), 1, task.records), ended);
    else if (task.sends())
        bench::send_in_rounds(io, client, task.count, task.records);
    else if (task.produces())
        asio::co_spawn(io, produce(client, task.topic(), task.count), ended);
    else if (task.streams())
        asio::co_spawn(io, bench::read_stream(client, task.topic(), task.count, task.records), ended);
    else
        asio::co_spawn(io, fetch(client, task.topic(), task.mode == "token" ? 1 : task.count, task.records),
                       ended);
    io.run();
    if (task.mode == "token")
        look(who, io.get_executor(), task.count);
    if (failure)
        std::rethrow_exception(failure);
    bench::report();
}

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, measured); }
