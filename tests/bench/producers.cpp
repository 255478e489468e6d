// A producer of hdikafka's, timed beside a POST for each record: see producers.py.
//
//   PROGRAM ENDPOINT CA_FILE TOKEN send|post RECORDS TOPICS
//
// Each record has a coroutine, all of which are started at the same time, on four threads. send has a
// producer, post a produce() for each; both have a connection for each topic. Prints the seconds it took.
#include <hdikafka.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace hk = hdikafka;

std::string const value(150, 'x');

std::string topic(int number) { return "sent-" + std::to_string(number); }

void measured(char** arguments)
{
    bool const batched = std::string(arguments[4]) == "send";
    int const records = std::stoi(arguments[5]);
    int const topics = std::stoi(arguments[6]);
    asio::io_context io(4);
    hk::client const client(io.get_executor(), hk::client_options(arguments[1])
                                                   .credential(hk::bearer_token(arguments[3]))
                                                   .tls(hk::tls_options().ca_file(arguments[2]))
                                                   .max_connections(static_cast<std::size_t>(topics))
                                                   .total_timeout(std::chrono::minutes(10)));
    hk::producer const producer(client);
    std::atomic<int> done = 0;
    auto const ended = [&done](std::exception_ptr failure, hk::receipt const& told) {
        done += !failure && told.persisted() == hk::persistence::done;
    };
    for (int i = 0; i != records; ++i)
        if (batched)
            asio::co_spawn(io, producer.send(topic(i % topics), hk::record(value)), ended);
        else
            asio::co_spawn(io, client.produce(topic(i % topics), hk::record(value)), ended);
    auto const begun = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int i = 0; i != 4; ++i)
        threads.emplace_back([&io] { io.run(); });
    for (auto& thread : threads)
        thread.join();
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - begun;
    if (done != records)
        throw std::runtime_error("not all records have their receipts");
    std::printf("%.3f\n", seconds.count());
}

} // namespace

int main(int argc, char** argv)
{
    try {
        if (argc != 7)
            throw std::invalid_argument("usage: PROGRAM ENDPOINT CA_FILE TOKEN send|post RECORDS TOPICS");
        measured(argv);
        return 0;
    } catch (std::exception const& failure) {
        std::fprintf(stderr, "%s: %s\n", argv[0], failure.what());
        return 1;
    }
}
