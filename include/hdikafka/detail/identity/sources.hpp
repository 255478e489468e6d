// Where tokens come from: Entra, for a secret, a certificate or an assertion; the program itself.
#ifndef HDIKAFKA_DETAIL_IDENTITY_SOURCES_HPP
#define HDIKAFKA_DETAIL_IDENTITY_SOURCES_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/credential.hpp>
#include <hdikafka/detail/base/environment.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/identity/assertion.hpp>
#include <hdikafka/detail/identity/certificate.hpp>
#include <hdikafka/detail/identity/entra.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/service_principal.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class client_secret_source final : public token_source
{
public:
    explicit client_secret_source(client_secret_settings settings) : settings_(std::move(settings))
    {
        trim_names(settings_);
    }

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        grant.source = "client secret";
        auto endpoint = token_endpoint(settings_);
        if (!endpoint)
            co_return endpoint.error();
        auto const sound = check_secret(settings_.text.text());
        if (!sound)
            co_return sound;
        auto outcome = co_await ask_entra<>(op, http, std::move(endpoint).value(), settings_, "client_secret",
                                            settings_.text, claims, grant);
        co_return outcome;
    }

private:
    client_secret_settings settings_;
};

template <class = void>
class fixed_token_source final : public token_source
{
public:
    explicit fixed_token_source(secret token) : token_(std::move(token)) {}

    task request(operation_ptr, transport_ptr, std::string const&, token_grant& grant) override
    {
        if (!sendable_token(token_.text()))
            co_return error(
                errc::invalid_option,
                "the bearer token is empty, or has white space (a line end?) or other characters that "
                "no token has");
        constexpr std::chrono::hours as_long_as_it_takes(24 * 365);
        grant.source = "bearer token";
        grant.token = access_token(token_.text(), as_long_as_it_takes);
        co_return result<void>();
    }

    bool renewable() const noexcept override { return false; }

private:
    secret token_;
};

template <class = void>
class callback_token_source final : public token_source
{
public:
    explicit callback_token_source(token_callback_settings settings)
        : settings_(std::make_shared<token_callback_settings const>(std::move(settings)))
    {}

    task request(operation_ptr op, transport_ptr, std::string const& claims, token_grant& grant) override
    {
        grant.source = "callback";
        token_request what(std::vector<std::string>(1, settings_->scope), claims);
        auto outcome = co_await run_awaitable<access_token>(
            op, settings_, settings_->function(std::move(what)), grant.token);
        if (outcome && !sendable_token(grant.token.token()))
            co_return error(errc::invalid_token_response,
                            "the callback's token is empty or has characters that no token has");
        co_return outcome;
    }

private:
    std::shared_ptr<token_callback_settings const> settings_;
};

/// Signs in with a certificate, which is read for each request: one that was renewed on disk takes effect.
template <class = void>
class client_certificate_source final : public token_source
{
public:
    explicit client_certificate_source(client_certificate_settings settings) : settings_(std::move(settings))
    {
        trim_names(settings_);
    }

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        grant.source = "client certificate";
        auto endpoint = token_endpoint(settings_);
        if (!endpoint)
            co_return endpoint.error();
        auto made = sign(endpoint.value(), http->random().uuid());
        if (!made)
            co_return made.error();
        secret const assertion(std::move(made).value());
        auto outcome = co_await ask_entra<>(op, http, std::move(endpoint).value(), settings_,
                                            "client_assertion", assertion, claims, grant);
        co_return outcome;
    }

private:
    result<std::string> sign(url const& endpoint, std::string id) const
    {
        auto const loaded = load_client_certificate(settings_.path, settings_.passphrase.text());
        if (!loaded)
            return loaded.error();
        assertion_claims const claims("https://" + endpoint.host_field() + endpoint.path, settings_.client_id,
                                      std::move(id), std::chrono::system_clock::now());
        auto const algorithm = settings_.rs256 ? assertion_algorithm::rs256 : assertion_algorithm::ps256;
        return make_client_assertion(loaded.value(), claims,
                                     assertion_form(algorithm, settings_.whole_chain));
    }

    client_certificate_settings settings_;
};

template <class = void>
class client_assertion_source final : public token_source
{
public:
    explicit client_assertion_source(client_assertion_settings settings)
    {
        trim_names(settings);
        settings_ = std::make_shared<client_assertion_settings const>(std::move(settings));
    }

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        grant.source = "client assertion";
        auto endpoint = token_endpoint(*settings_);
        if (!endpoint)
            co_return endpoint.error();
        std::string given;
        auto outcome = co_await run_awaitable<std::string>(op, settings_, settings_->function(), given);
        if (!outcome)
            co_return outcome;
        secret const assertion(std::move(given));
        if (!sendable_token(assertion.text()))
            co_return error(errc::invalid_option,
                            "the callback's assertion is empty or has characters that no assertion has");
        outcome = co_await ask_entra<>(op, http, std::move(endpoint).value(), *settings_, "client_assertion",
                                       assertion, claims, grant);
        co_return outcome;
    }

private:
    std::shared_ptr<client_assertion_settings const> settings_;
};

/// Of what a credential needs, what neither the program nor the environment has given it.
class missing_names
{
public:
    /// Looks for `value` in the environment where the program has not given it.
    void look(std::string& value, char const* variable)
    {
        if (value.empty())
            value = name_variable(variable);
        if (value.empty())
            add(variable);
    }

    void add(std::string_view name)
    {
        names_ += names_.empty() ? "" : ", ";
        names_ += name;
    }

    explicit operator bool() const noexcept { return !names_.empty(); }

    error describe(std::string const& credential) const
    {
        return error(errc::no_credential, credential + ": not set: " + names_);
    }

private:
    std::string names_;
};

/// The assertion lies in a file that the platform renews.
template <class = void>
class workload_identity_source final : public token_source
{
public:
    explicit workload_identity_source(workload_identity_settings settings) : settings_(std::move(settings))
    {
        trim_names(settings_);
    }

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        grant.source = "workload identity";
        workload_identity_settings settings = settings_;
        missing_names missing;
        missing.look(settings.tenant, "AZURE_TENANT_ID");
        missing.look(settings.client_id, "AZURE_CLIENT_ID");
        missing.look(settings.file, "AZURE_FEDERATED_TOKEN_FILE");
        if (missing)
            co_return missing.describe(grant.source);
        auto endpoint = token_endpoint(settings);
        if (!endpoint)
            co_return endpoint.error();
        auto assertion = read(settings.file);
        if (!assertion)
            co_return assertion.error();
        for (bool again = false;; again = true) {
            auto outcome = co_await ask_entra<>(op, http, endpoint.value(), settings, "client_assertion",
                                                assertion.value(), claims, grant);
            if (outcome)
                co_return outcome;
            if (again || outcome.error().code() != errc::token_refused)
                co_return explain(outcome.error());
            // The platform may have renewed it just then.
            auto newer = read(settings.file);
            if (!newer || newer.value().text() == assertion.value().text())
                co_return explain(outcome.error());
            assertion = std::move(newer);
        }
    }

private:
    static result<secret> read(std::string const& path)
    {
        auto const refuse = [&path](std::string const& fault) {
            return error(errc::invalid_option, "workload identity: the token file " + path + " " + fault);
        };
        constexpr std::size_t most = 64 * 1024;
        auto const content = read_secret_file(path, most);
        if (!content)
            return refuse(content.error().cause());
        std::string_view const text = without_white_space_around(content.value().text());
        if (text.empty())
            return refuse("is empty");
        if (!sendable_token(text))
            return refuse("holds no assertion");
        return secret(std::string(text));
    }

    /// Where AKS binds identities, the file is meant for a proxy of the cluster, which only programs that
    /// choose so may ask: this library does not. Its token was shown to Entra, as by all who do not choose
    /// it.
    static error explain(error const& failure)
    {
        if (failure.code() != errc::token_refused || name_variable("AZURE_KUBERNETES_TOKEN_PROXY").empty())
            return failure;
        return error(failure.code(), failure.info(),
                     failure.cause() +
                         " (AZURE_KUBERNETES_TOKEN_PROXY is set: identity bindings of AKS are not "
                         "supported here; use its workload identity without them)");
    }

    workload_identity_settings settings_;
};

/// Whichever of the two service principals AZURE_… describes, looked at for each request.
template <class = void>
class environment_source final : public token_source
{
public:
    explicit environment_source(entra_settings settings) : settings_(std::move(settings))
    {
        trim_names(settings_);
    }

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        grant.source = "environment";
        entra_settings settings = settings_;
        missing_names missing;
        missing.look(settings.tenant, "AZURE_TENANT_ID");
        missing.look(settings.client_id, "AZURE_CLIENT_ID");
        secret text(environment_variable("AZURE_CLIENT_SECRET"));
        client_certificate_settings certificate(settings);
        certificate.path = name_variable("AZURE_CLIENT_CERTIFICATE_PATH");
        certificate.passphrase = secret(environment_variable("AZURE_CLIENT_CERTIFICATE_PASSWORD"));
        std::string const chain = name_variable("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
        certificate.whole_chain = chain == "1" || equals_ignoring_case(chain, "true");
        if (text.empty() && certificate.path.empty())
            missing.add("AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH");
        if (missing)
            co_return missing.describe(grant.source);
        std::string const tried = text.empty() ? "AZURE_CLIENT_CERTIFICATE_PATH" : "AZURE_CLIENT_SECRET";
        token_source_ptr chosen;
        if (text.empty())
            chosen = std::make_shared<client_certificate_source<>>(std::move(certificate));
        else
            chosen = std::make_shared<client_secret_source<>>(
                client_secret_settings(std::move(settings), std::move(text)));
        auto outcome = co_await chosen->request(op, http, claims, grant);
        grant.source.insert(0, "environment: ");
        if (!outcome)
            co_return error(outcome.error().code(), outcome.error().info(),
                            "environment (AZURE_TENANT_ID, AZURE_CLIENT_ID, " + tried +
                                "): " + outcome.error().cause());
        co_return outcome;
    }

private:
    entra_settings settings_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
