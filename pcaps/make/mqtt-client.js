// What mqtt-mqttjs.sh runs at the client's host: MQTT.js against a broker.
//   node mqtt-client.js BROKER-URL
'use strict'
const mqtt = require('mqtt')
const url = process.argv[2]
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const common = { reconnectPeriod: 0, connectTimeout: 3000 }

async function version5 () {
  const c = await mqtt.connectAsync(url, {
    ...common,
    protocolVersion: 5,
    clientId: 'press-5',
    username: 'press',
    password: 'not-a-secret',
    properties: { sessionExpiryInterval: 60, receiveMaximum: 20, topicAliasMaximum: 8 },
    will: {
      topic: 'status/press-5',
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
      properties: { willDelayInterval: 3, contentType: 'text/plain' }
    }
  })
  await c.subscribeAsync({ 'plant/press/#': { qos: 2, nl: false, rap: true, rh: 1 } },
    { properties: { subscriptionIdentifier: 7 } })
  await c.subscribeAsync(['order/+/start', '$share/line/order/#'], { qos: 1 })
  // The topic once, then its alias; then the alias gets another topic.
  const alias = { topicAlias: 3 }
  await c.publishAsync('plant/press/force', '812', { qos: 1, properties: alias })
  await c.publishAsync('', '815', { qos: 1, properties: alias })
  await c.publishAsync('', '816', { qos: 0, properties: alias })
  await c.publishAsync('plant/press/stroke', '40', { qos: 2, properties: alias })
  await c.publishAsync('', '41', { qos: 2, properties: alias })
  await c.publishAsync('plant/press/recipe', '{"force":810,"note":"型A"}', {
    qos: 1,
    retain: true,
    properties: {
      payloadFormatIndicator: true,
      messageExpiryInterval: 120,
      contentType: 'application/json',
      responseTopic: 'plant/press/reply',
      correlationData: Buffer.from([1, 2, 3]),
      userProperties: { shift: 'B' }
    }
  })
  await c.publishAsync('plant/press/image', Buffer.alloc(12000, 0xa5), { qos: 1 })
  await c.unsubscribeAsync(['order/+/start', 'never/subscribed'])
  // The same client id again: the broker ends the first connection.
  const d = await mqtt.connectAsync(url, { ...common, protocolVersion: 5, clientId: 'press-5', clean: false })
  await pause(300)
  await new Promise((resolve) => d.end(false, { reasonCode: 4 }, resolve))
}

async function assignedId () {
  const c = await mqtt.connectAsync(url, { ...common, protocolVersion: 5, clientId: '' })
  await c.publishAsync('plant/press/force', '799', { qos: 0 })
  await c.endAsync()
}

async function version311 () {
  const c = await mqtt.connectAsync(url, { ...common, protocolVersion: 4, clientId: 'press-4', keepalive: 2 })
  await c.subscribeAsync('plant/press/+', { qos: 1 })
  // Many messages in one segment.
  c.stream.cork()
  const all = []
  for (let n = 0; n < 12; n++) {
    all.push(c.publishAsync('plant/press/cycle', String(100 + n), { qos: n % 3 }))
  }
  c.stream.uncork()
  await Promise.all(all)
  await pause(4500)
  await c.unsubscribeAsync('plant/press/+')
  await c.endAsync()
}

async function version31 () {
  const c = await mqtt.connectAsync(url, {
    ...common, protocolId: 'MQIsdp', protocolVersion: 3, clientId: 'press-3'
  })
  await c.subscribeAsync('plant/#', { qos: 0 })
  await c.publishAsync('plant/press/force', '777', { qos: 1 })
  await c.publishAsync('plant/press/force', '778', { qos: 2 })
  await pause(300)
  await c.endAsync()
}

(async () => {
  for (const part of [version5, assignedId, version311, version31]) {
    await part().catch((e) => console.error(part.name + ': ' + e.message))
  }
  process.exit(0)
})()
