// Testing code of your own with the emulator: no cluster, no network, no waiting, and failures on demand. The
// checks are plain; in a test framework each function below would be a test case.
#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <chrono>
#include <iostream>
#include <string>

namespace hk = hdikafka;
using namespace std::chrono_literals;

/// The code under test: stores a reading. Tries again when it is certainly not stored, never risks it twice.
asio::awaitable<hk::persistence> store_reading(hk::client client, std::string sensor, double value)
{
    auto state = hk::persistence::none;
    for (int attempt = 0; attempt < 3 && state == hk::persistence::none; ++attempt) {
        auto const receipt = co_await hk::as_result(client.produce("readings", hk::record(sensor, value)));
        state = receipt ? receipt.value().persisted() : receipt.error().info().persisted();
    }
    co_return state;
}

/// An emulator with the topic, and a client that talks to it, both working inside run().
class service
{
public:
    service() { emulator.start(), emulator.add_topic("readings"); }

    template <class T>
    T run(asio::awaitable<T> call)
    {
        auto outcome = asio::co_spawn(io, std::move(call), asio::use_future);
        while (outcome.wait_for(0s) != std::future_status::ready)
            io.run_one();
        return outcome.get();
    }
    hk::persistence store() { return run(store_reading(client(), "north", 3.5)); }
    hk::client client() { return hk::client(io.get_executor(), emulator.client_options()); }
    std::size_t stored() const { return emulator.records("readings", 0).size(); }
    std::size_t sent() const { return emulator.request_count(hk::emulator_route::produce); }

    asio::io_context io;
    hk::emulator emulator{io.get_executor()};
};

int failures = 0;

void check(bool good, char const* what)
{
    std::cout << (good ? "passed: " : "FAILED: ") << what << "\n";
    failures += !good;
}

int main()
{
    using fault = hk::emulator_fault;
    using state = hk::persistence;
    service normal;
    check(normal.store() == state::done && normal.sent() == 1, "a reading is stored with one request");
    auto const record = normal.emulator.records("readings", 0).at(0);
    check(record.key == "\"north\"" && record.value == "3.5", "the sensor is its key");

    service throttled; // 429 refuses the records: the library itself tries again
    throttled.emulator.inject(fault::answer(429).on(hk::emulator_route::produce).retry_after(0s));
    check(throttled.store() == state::done && throttled.stored() == 1, "throttling delays, no more");

    service cut; // the records are written, and the connection is gone before the answer
    cut.emulator.inject(fault::drop_answer().on(hk::emulator_route::produce));
    check(cut.store() == state::possibly && cut.sent() == 1, "a lost answer is not followed by a repeat");
    check(cut.stored() == 1, "the reading is there once");

    service refusing; // a status of 200 with an error for the record: certainly not stored
    refusing.emulator.refuse_records(2);
    check(refusing.store() == state::done && refusing.sent() == 3, "a refused reading is sent again");
    return failures == 0 ? 0 : 1;
}
