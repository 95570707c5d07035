/** MODE of READ BUFFER and WRITE BUFFER (SPC-5 6.18, 6.57): those that are known here. */
export const BufferMode = {
  data: 0x02,
  descriptor: 0x03,
  echo: 0x0a,
  echoDescriptor: 0x0b,
  errorHistory: 0x1c,
} as const;
