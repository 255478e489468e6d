// hdikafka: Apache Kafka in Azure HDInsight through its REST proxy, with C++20 coroutines.
//
// Includes everything but the optional parts: <hdikafka/emulator.hpp> for tests. Where
// HDIKAFKA_SEPARATE_COMPILATION is defined, the declarations only; HDIKAFKA_SOURCE, in one file, the rest.
#ifndef HDIKAFKA_HPP
#define HDIKAFKA_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/as_result.hpp>
#include <hdikafka/base64_codec.hpp>
#include <hdikafka/call_options.hpp>
#include <hdikafka/checkpoint.hpp>
#include <hdikafka/checkpoint_store.hpp>
#include <hdikafka/client.hpp>
#include <hdikafka/client_options.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/credential.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/json.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/offsets.hpp>
#include <hdikafka/options.hpp>
#include <hdikafka/platform_credential.hpp>
#include <hdikafka/producer.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/record_stream.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>
#include <hdikafka/service_principal.hpp>
#include <hdikafka/tls_options.hpp>
#include <hdikafka/version.hpp>

#ifdef HDIKAFKA_SOURCE
#include <hdikafka/impl/src.hpp>
#endif

#endif
