// What a program outside is like: it includes nothing but hdikafka.hpp, makes a topic (its argument),
// produces to it and consumes what it produced. HDIKAFKA_ENDPOINT and AZURE_* say where.
#include <hdikafka.hpp>

namespace hk = hdikafka;

static std::string environment(char const* name)
{
    char const* const value = std::getenv(name);
    if (value == nullptr)
        throw std::runtime_error(std::string(name) + " is not set");
    return value;
}

static asio::awaitable<void> round_trip(hk::client client, std::string topic)
{
    co_await client.create_topic(topic, hk::topic_config().partition_count(1));
    co_await client.wait_for_topic(topic, std::chrono::seconds(20));
    co_await client.produce(topic, hk::records(hk::record("key", "text"), 3.14));
    auto stream = client.consume(topic, 0, hk::consume_options().from(hk::earliest).until(hk::latest));
    std::string seen;
    while (auto batch = co_await stream.next())
        for (auto const& record : *batch)
            seen += std::string(record.value().text()) + " ";
    if (seen != "\"text\" 3.14 ")
        throw std::runtime_error("consumed " + seen);
}

int main(int, char** arguments)
{
    asio::io_context io;
    hk::client_secret_credential who(environment("AZURE_TENANT_ID"), environment("AZURE_CLIENT_ID"),
                                     environment("AZURE_CLIENT_SECRET"));
    hk::client client(io.get_executor(),
                      hk::client_options(environment("HDIKAFKA_ENDPOINT")).credential(who));
    asio::co_spawn(io, round_trip(client, arguments[1]), [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure);
    });
    io.run();
}
