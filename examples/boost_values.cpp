// Types of your own as records and back, by way of Boost.JSON (1.75 or newer).
#include "support/cluster.hpp"

#include <hdikafka.hpp>
#include <hdikafka/boost_json.hpp>

#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <boost/json/src.hpp> // in one source file of a program that does not link boost_json

#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace hk = hdikafka;

namespace shop {

class order
{
public:
    std::int64_t id = 0;
    std::string customer;
    std::vector<double> prices;
};

// What Boost.JSON asks for, in the type's own namespace.
void tag_invoke(boost::json::value_from_tag, boost::json::value& out, order const& from)
{
    auto const prices = boost::json::value_from(from.prices);
    out = {{"id", from.id}, {"customer", from.customer}, {"prices", prices}};
}

order tag_invoke(boost::json::value_to_tag<order>, boost::json::value const& from)
{
    order out;
    out.id = from.at("id").as_int64();
    out.customer = boost::json::value_to<std::string>(from.at("customer"));
    out.prices = boost::json::value_to<std::vector<double>>(from.at("prices"));
    return out;
}

} // namespace shop

asio::awaitable<void> there_and_back(hk::client client, std::string topic)
{
    co_await client.create_topic(topic);
    shop::order order;
    order.id = 7;
    order.customer = "Caf\u00e9 Nord";
    order.prices.assign(3, 0.1);
    // to_json throws hk::error for what JSON cannot say: a NaN, bytes that are not UTF-8.
    co_await client.produce(topic, hk::records(hk::to_json(order), "not an order"));

    auto const batch = co_await client.fetch(topic, 0, 0, 100);
    for (auto const& record : batch)
        try {
            auto const got = hk::value_to<shop::order>(record.value());
            std::cout << "order " << got.id << " of " << got.customer << ": " << got.prices.size()
                      << " prices\n";
        } catch (std::exception const&) { // Boost's, or hk::error: others write to a topic, too
            std::cout << "no order: " << record.value().text() << "\n";
        }
}

int main()
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    auto done = asio::co_spawn(io, there_and_back(client, examples::new_name("orders")), asio::use_future);
    io.run();
    done.get();
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
