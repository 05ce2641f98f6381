module.exports = {
  testEnvironment: 'jsdom',
  roots: ['<rootDir>/test'],
  transform: { '\\.tsx?$': '<rootDir>/test/transform.js' }
};
