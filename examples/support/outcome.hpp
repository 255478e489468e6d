// What became of one record that a producer was given. For bulk_load.cpp and ingest_server.cpp.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_OUTCOME_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_OUTCOME_HPP

#include <hdikafka/error.hpp>
#include <hdikafka/json.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/result.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace examples {

/// A failed call and a receipt with an error say the same in two ways; here it is one.
class outcome
{
public:
    /// Of hk::as_result(producer.send(…)), or of a delivery's receipt.
    explicit outcome(hdikafka::result<hdikafka::receipt> const& told)
    {
        if (told) {
            persisted = told.value().persisted();
            offset = told.value().offset(0);
            failure = told.value().error(0);
        } else {
            persisted = told.error().info().persisted();
            failure = told.error();
        }
    }

    /// Whether it is in the topic, beyond doubt.
    bool done() const noexcept { return persisted == hdikafka::persistence::done; }
    /// The same in a word: "done"; "none", which may be sent again without being there twice; "possibly".
    char const* claim() const noexcept
    {
        return done() ? "done" : persisted == hdikafka::persistence::none ? "none" : "possibly";
    }

    /// For those who watch over this program: one line.
    std::string text() const
    {
        return std::string("persisted: ") + claim() + (failure ? std::string("; ") + failure->what() : "");
    }
    /// For those whom it serves: nothing that is none of their business.
    hdikafka::json json() const
    {
        std::string out = std::string("{\"persisted\":\"") + claim() + '"';
        if (offset)
            out += ",\"offset\":" + std::to_string(*offset);
        return hdikafka::json::parse(out + '}');
    }

    hdikafka::persistence persisted = hdikafka::persistence::none;
    std::optional<std::int64_t> offset; ///< If the service says it.
    std::optional<hdikafka::error> failure;
};

} // namespace examples

#endif
