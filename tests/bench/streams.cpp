// A stream of hdikafka's client, timed: see streams.py.
//
//   PROGRAM ENDPOINT CA_FILE TOKEN fill RECORDS
//   PROGRAM ENDPOINT CA_FILE TOKEN read RECORDS PARALLELISM READ_AHEAD MAX_RECORDS
//
// fill makes the topic "streamed" of records of 1 KB. read consumes them all and prints the seconds it took
// and by how many KB the process has grown meanwhile.
#include <hdikafka.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;

constexpr int batch = 500; // records of one produce

asio::awaitable<void> fill(hk::client client, int count)
{
    hk::records const list(std::vector<hk::record>(batch, hk::record(std::string(1000, 'x'))));
    for (int i = 0; i < count; i += batch)
        co_await client.produce("streamed", list);
}

asio::awaitable<void> read(hk::record_stream stream, int count)
{
    std::int64_t next = 0;
    while (auto const some = co_await stream.next())
        for (auto const& record : *some)
            if (record.offset() != next++)
                throw std::logic_error("a record is missing");
    if (next != count)
        throw std::logic_error("the end is missing");
}

/// The most memory that the program has had (what getrusage() tells begins with that of its parent).
long peak_kb()
{
    std::ifstream status("/proc/self/status");
    for (std::string name; status >> name;)
        if (name == "VmHWM:") {
            long out = 0;
            status >> out;
            return out;
        }
    throw std::runtime_error("the system does not tell the memory in use");
}

} // namespace

int main(int argc, char** argv)
try {
    std::vector<std::string> const arguments(argv + 1, argv + argc);
    auto const number = [&](std::size_t index) { return std::stoi(arguments.at(index)); };
    asio::io_context io(1);
    hk::client const client(io.get_executor(), hk::client_options(arguments.at(0))
                                                   .credential(hk::bearer_token(arguments.at(2)))
                                                   .tls(hk::tls_options().ca_file(arguments.at(1)))
                                                   .max_connections(64));
    auto const ended = [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure);
    };
    int const count = number(4);
    if (arguments.at(3) == "fill") {
        asio::co_spawn(io, fill(client, count), ended);
        io.run();
        return 0;
    }
    auto const options = hk::consume_options()
                             .until(hk::latest)
                             .parallelism(static_cast<std::size_t>(number(5)))
                             .read_ahead(static_cast<std::size_t>(number(6)))
                             .max_records(number(7));
    long const before = peak_kb();
    auto const start = std::chrono::steady_clock::now();
    asio::co_spawn(io, read(client.consume("streamed", 0, options), count), ended);
    io.run();
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - start;
    std::printf("%.3f %ld\n", seconds.count(), peak_kb() - before);
} catch (std::exception const& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
}
