// The emulator without a network, for tests: a clock that stands still until it is moved, randomness
// that is always the same, and requests in one line.
#ifndef HDIKAFKA_TESTS_SERVICE_FIXTURE_HPP
#define HDIKAFKA_TESTS_SERVICE_FIXTURE_HPP

#include <hdikafka/detail/emulator/service.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace test {

namespace hk = hdikafka;

class service_fixture
{
public:
    explicit service_fixture(hk::emulator_options options = hk::emulator_options())
        : service(std::move(options), [this](std::string_view key) {
              arc_key = key;
              return arc_key_can_be_written;
          })
    {
        token = service.authority().issue(now, random);
    }
    service_fixture(service_fixture const&) = delete;
    service_fixture& operator=(service_fixture const&) = delete;

    hk::detail::emulation::emulator_answer send(std::string_view method, std::string_view target,
                                                std::string_view body = "",
                                                std::string_view content_type = "application/json")
    {
        std::string const authorization = "Bearer " + token;
        hk::detail::emulation::emulator_request request;
        request.method = method;
        request.target = target;
        request.host = "localhost:9400";
        request.authorization = authorization;
        if (!content_type.empty() && !body.empty())
            request.content_type = content_type;
        request.body = body;
        request.request_id = request_id;
        request.connection = connection;
        return service.handle(request, now, random);
    }

    hk::detail::emulation::emulator_answer get(std::string_view target) { return send("GET", target); }
    hk::detail::emulation::emulator_answer create(std::string_view topic, std::string_view body = "")
    {
        return send("PUT", "/v1/topics/" + std::string(topic), body);
    }
    hk::detail::emulation::emulator_answer produce(std::string_view topic, std::string_view body)
    {
        return send("POST", "/v1/producer/topics/" + std::string(topic), body);
    }
    hk::detail::emulation::emulator_answer
    token_request(std::string_view form, std::string_view type = "application/x-www-form-urlencoded",
                  std::string_view tenant = "emulator-tenant")
    {
        return send("POST", "/" + std::string(tenant) + "/oauth2/v2.0/token", form, type);
    }

    hk::emulator_time now{std::chrono::milliseconds(1'700'000'000'123)};
    hk::detail::emulation::emulator_random random =
        [next = std::minstd_rand()](std::span<unsigned char> bytes) mutable {
            for (auto& byte : bytes)
                byte = static_cast<unsigned char>(next() >> 8);
        };
    std::string arc_key; ///< The last.
    bool arc_key_can_be_written = true;
    hk::detail::emulation::emulator_service service;
    std::string token;
    std::uint64_t connection = 1; ///< The one that requests come on.
    std::string request_id = "11111111-2222-3333-4444-555555555555";
};

inline std::optional<std::string> field(hk::detail::emulation::emulator_answer const& answer,
                                        std::string_view name)
{
    for (auto const& [key, value] : answer.fields)
        if (key == name)
            return value;
    return std::nullopt;
}

} // namespace test

#endif
